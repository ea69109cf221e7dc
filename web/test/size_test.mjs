/** The page stays small: what is loaded at first, and all of it, gzipped. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";

const folder = fileURLToPath(new URL("../dist", import.meta.url));
const kBytes = { first: 60_000, all: 112_000 };
const size = (file) => gzipSync(readFileSync(`${folder}/${file}`)).length;

it("is within its budget", () => {
  const first = ["index.html", ...readFileSync(`${folder}/index.html`, "utf8").matchAll(/assets\/[\w.-]+\.(?:js|css)/g)].map(String);
  const all = ["index.html", ...readdirSync(`${folder}/assets`).map((name) => `assets/${name}`)];
  const sum = (files) => files.map(size).reduce((a, b) => a + b, 0);
  expect(first.length).toBeGreaterThanOrEqual(3);
  expect(sum(first)).toBeLessThan(kBytes.first);
  expect(sum(all)).toBeLessThan(kBytes.all);
});

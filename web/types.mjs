/** Writes src/api/schema.ts, the types of the API, from node/api/openapi.json. An unchanged file keeps its time. */
import { readFile, writeFile } from "node:fs/promises";
import openapi, { astToString } from "openapi-typescript";

const target = new URL("src/api/schema.ts", import.meta.url);
const text = astToString(await openapi(new URL("../node/api/openapi.json", import.meta.url)));
const old = await readFile(target, "utf8").catch(() => "");
if (old !== text) await writeFile(target, text);

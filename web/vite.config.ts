import { defineConfig } from "vitest/config";

/** The node that `npm run dev` shows; the built page asks the node that served it. */
const node = process.env.KOINON_NODE ?? "http://127.0.0.1:7070";

export default defineConfig({
  base: "./",
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: { target: "es2021", assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: true },
  test: { include: ["src/**/*_test.ts", "test/**/*_test.mjs"], testTimeout: 60_000, hookTimeout: 60_000 },
  server: {
    host: "127.0.0.1",
    proxy: { "/api": { target: node, ws: true }, "/openapi.json": node, "/artifacts": node },
  },
});

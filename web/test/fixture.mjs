/** A stand-in for a node, for tests of the page's looks and behaviour. It serves the built page and invented data. */
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { kModels, orders, picture, providers, status, summary } from "./fixture_data.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const kTypes = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const kPolicy = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";

/** Starts on a free port of loopback. `change(order)` replaces an order and tells all sockets; `market` is the data served. */
export async function start_fixture({ empty = false, ledger = {}, port = 0 } = {}) {
  const market = { orders: empty ? [] : orders(Date.now()), providers: empty ? [] : providers(), models: empty ? [] : kModels, ledger };
  const server = createServer((request, response) => {
    answer(market, request.url ?? "/", response).catch((error) => fail(response, 500, "internal", String(error)));
  });
  const sockets = new WebSocketServer({ server, path: "/api/v1/events" });
  const tell = (event) => sockets.clients.forEach((socket) => socket.send(JSON.stringify(event)));
  sockets.on("connection", (socket) => socket.send(JSON.stringify({ type: "block", number: 1812 })));
  await new Promise((done) => server.listen(port, "127.0.0.1", done));
  return {
    market, url: `http://127.0.0.1:${server.address().port}`, port: server.address().port, tell,
    change(order) {
      market.orders = [...market.orders.filter((old) => old.id !== order.id), order];
      tell({ type: "order", order: summary(order) });
    },
    drop_sockets: () => sockets.clients.forEach((socket) => socket.terminate()),
    async close() {
      sockets.clients.forEach((socket) => socket.terminate());
      sockets.close();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

async function answer(market, target, response) {
  const url = new URL(target, "http://fixture");
  const [, , , head, id, tail] = url.pathname.split("/");
  if (!url.pathname.startsWith("/api/")) return file(url.pathname, response);
  const found = market.orders.find((order) => order.id === id);
  if (head === "status") return json(response, status(market.orders, market.providers, market.ledger));
  if (head === "providers") return json(response, market.providers);
  const model = market.models.find((one) => one.program === id);
  if (head === "models" && !id) return json(response, market.models);
  if (head === "models" && model) return json(response, model);
  if (id && !/^[0-9a-z-]{1,40}$/.test(id)) return fail(response, 400, "invalid_argument", `[orders] ${id}: no order id`);
  if (head === "models") return fail(response, 400, "invalid_argument", `[models] ${id}: no program id`);
  if (head === "orders" && !id && !(Number(url.searchParams.get("limit") ?? 50) >= 1)) return fail(response, 400, "invalid_argument", "[orders] limit");
  if (head === "orders" && !id) return json(response, page_of(market.orders, url.searchParams));
  if (head === "orders" && found && tail === "picture") return send(response, 200, "image/png", picture());
  if (head === "orders" && found) return json(response, found);
  if (head === "receipts") return json(response, { version: 1, order: id });
  return fail(response, 404, "not_found", `[orders] ${id}: no such order`);
}

function page_of(all, query) {
  const limit = Number(query.get("limit") ?? 50);
  const list = all
    .filter((order) => query.get("mine") !== "true" || order.mine)
    .filter((order) => !query.has("before") || Number(order.id) < Number(query.get("before")))
    .sort((a, b) => Number(b.id) - Number(a.id));
  return { orders: list.slice(0, limit).map(summary), next: list.length > limit ? list[limit - 1].id : null };
}

async function file(path, response) {
  if (path === "/openapi.json") return send(response, 200, "application/json", await readFile(join(root, "../node/api/openapi.json")));
  const name = path === "/" ? "index.html" : path;
  if (!/^[A-Za-z0-9_./-]+$/.test(name) || name.includes("..")) return fail(response, 404, "not_found", path);
  const bytes = await readFile(join(root, "dist", name)).catch(() => null);
  if (!bytes) return fail(response, 404, "not_found", path);
  return send(response, 200, kTypes[extname(name)] ?? "application/octet-stream", bytes);
}

const json = (response, value) => send(response, 200, "application/json", JSON.stringify(value));
const fail = (response, code, name, text) => send(response, code, "application/json", JSON.stringify({ error: { code: name, text } }));
function send(response, code, type, body) {
  response.writeHead(code, { "content-type": type, "content-security-policy": kPolicy });
  response.end(body);
}

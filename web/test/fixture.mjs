/** A stand-in for a node, for tests of the page's looks and behaviour. It serves the built page and invented data. */
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { account_record, history, kModels, kWords, model_record, order, orders, picture, providers, quote, status, summary } from "./fixture_data.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const kTypes = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const kPolicy = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";

/** What a node says that checks no claims. */
const kNoWatch = { watching: false, full_price: "0", agreed: 0, wrong: 0, lost: 0, earned: "0", fees: "0", free: "0", claims: [] };

/** The token that the fixture takes. */
export const kToken = "0123456789abcdef".repeat(4);

/**
 * Starts on a free port of loopback. `change(order)` replaces an order and tells all sockets; `market` is the data served; with
 * `locked` it answers nothing without the token. Bodies that were posted are kept in `market.posted`.
 */
export async function start_fixture({ empty = false, ledger = {}, port = 0, locked = false } = {}) {
  const market = { orders: empty ? [] : orders(Date.now()), providers: empty ? [] : providers(), models: empty ? [] : kModels, ledger, locked, posted: [], refuse: null, watch: kNoWatch };
  const server = createServer((request, response) => {
    const reply = request.method === "POST" ? take(market, request, response) : answer(market, request, response);
    reply.catch((error) => fail(response, 500, "internal", String(error)));
  });
  const verifyClient = ({ req }) => !market.locked || req.headers["sec-websocket-protocol"] === `koinon, koinon.token.${kToken}`;
  const sockets = new WebSocketServer({ server, path: "/api/v1/events", verifyClient, handleProtocols: () => "koinon" });
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

const has_token = (request) => request.headers.authorization === `Bearer ${kToken}`;
const unauthorised = (response) => fail(response, 401, "unauthorised", "[http] the bearer token of the node's data folder expected");

/** What spends, and what the page asks with a body. */
async function take(market, request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = JSON.parse(Buffer.concat(chunks).toString());
  const path = new URL(request.url, "http://fixture").pathname;
  if (path === "/api/v1/preview" && body.input.text) {
    const { prompt, tokens } = body.input.text;
    const { context } = kModels[2].language;
    const values = Math.ceil(prompt.length / 4);
    if (values + tokens > context + 1) return fail(response, 400, "invalid_argument", `[language] ${tokens} tokens behind a prompt of ${values}: the context of ${context} leaves room for ${context - values + 1}`);
    return json(response, { values, clamped: 0, picture: null });
  }
  if (path === "/api/v1/preview") {
    const values = body.input.input_data?.[0]?.length ?? 784;
    if (values !== 784) return fail(response, 400, "invalid_argument", `[quantise] ${values} values for input image of shape [1, 1, 28, 28]: 784 expected`);
    return json(response, { values, clamped: body.input.input_data?.[0]?.filter((v) => v > 1).length ?? 0, picture: picture().toString("base64") });
  }
  if (!has_token(request)) return unauthorised(response);
  if (path === "/api/v1/orders" && !body.program) return fail(response, 400, "invalid_argument", "[order] program: a text expected");
  if (market.refuse) return fail(response, ...market.refuse);
  market.posted.push({ path, body, key: request.headers["idempotency-key"] });
  if (path !== "/api/v1/orders") return json(response, {});
  const placed = order({ id: 90 + market.posted.length, at: Date.now(), state: "committing", rounds: [["quorum", { 2: "drawn", 3: "drawn", 5: "drawn" }]], ...written(body) });
  market.orders.push(placed);
  return send(response, 202, "application/json", JSON.stringify({ id: placed.id }));
}

/** What an order of a text has more: the prompt, and no text yet. */
function written({ input }) {
  if (!input.text) return {};
  return { model: kModels[2], words: { ...kWords, prompt: input.text.prompt, tokens: input.text.tokens, text: null, generated: null, ending: null } };
}

async function answer(market, request, response) {
  const url = new URL(request.url ?? "/", "http://fixture");
  if (market.locked && url.pathname.startsWith("/api/") && !has_token(request)) return unauthorised(response);
  const [, , , head, id, tail] = url.pathname.split("/");
  if (!url.pathname.startsWith("/api/")) return file(url.pathname, response);
  const found = market.orders.find((order) => order.id === id);
  if (head === "status") return json(response, status(market.orders, market.providers, market.ledger));
  if (head === "providers") return json(response, market.providers);
  const model = market.models.find((one) => one.program === id);
  const seller = market.providers.find((one) => String(one.account) === id);
  if (head === "quote") return json(response, quote(market.providers, Number(url.searchParams.get("n") ?? 3), url.searchParams.get("max_price")));
  if (head === "deployment") return json(response, { rpc_url: "http://127.0.0.1:7071", local: true, deployment: {} });
  if (head === "watch") return json(response, market.watch);
  if (head === "history") return json(response, history(market.orders, Number(url.searchParams.get("points") ?? 60), Date.now()));
  if (head === "accounts" && seller) return json(response, account_record(market.orders, seller));
  if (head === "models" && model && tail === "record") return json(response, model_record(market.orders, id));
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

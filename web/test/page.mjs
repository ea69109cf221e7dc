/**
 * Checks the page and the API of a running node in Chromium:  node test/page.mjs http://127.0.0.1:7070 [--shots FOLDER]
 * Compares what the page shows with what the API answers; exits 0 only when all is well. The last line is "N passed, N failed".
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { open_browser } from "./browser.mjs";
import { open_contract } from "./contract.mjs";
import { check_accessible, check_fits, check_keyboard, check_still, watch } from "./page_quality.mjs";

const kFinal = ["settled", "refunded"];

/** Retries `body` until it no longer throws: the market moves while the page is checked. */
export async function eventually(body, limit_ms = 10_000) {
  const end = Date.now() + limit_ms;
  for (;;) {
    try {
      return await body();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((done) => setTimeout(done, 100));
    }
  }
}

export function expect_equal(found, wanted, what) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`[page] ${what}: ${a}, ${b} expected`);
}

/** All checks by name. Each gets {base, page, contract}. */
export const kChecks = {
  async "the API answers as its document says"({ contract }) {
    await contract.get("/api/v1/status", "Status");
    const { orders } = await contract.get("/api/v1/orders?limit=200", "OrderPage");
    for (const { id } of orders.slice(0, 50)) conserve(await contract.get(`/api/v1/orders/${id}`, "Order"));
    await contract.get("/api/v1/providers", "Provider", { list: true });
    const models = await contract.get("/api/v1/models", "Model", { list: true });
    for (const { program } of models) {
      await contract.get(`/api/v1/models/${program}`, "Model");
      await contract.get(`/api/v1/models/${program}/record`, "ModelRecord");
      await contract.get(`/api/v1/quote?program=${program}&max_price=2000000000000000`, "Quote");
    }
    await contract.get("/api/v1/history?points=7", "History");
    for (const { account } of await contract.get("/api/v1/providers?limit=3", "Provider", { list: true })) await contract.get(`/api/v1/accounts/${account}`, "AccountRecord");
  },

  async "the API reports errors as its document says"({ contract }) {
    const missing = await contract.get("/api/v1/orders/999999999", "Error", { status: 404 });
    expect_equal(missing.error.code, "not_found", "code for an unknown order");
    for (const path of ["/api/v1/orders?limit=0", "/api/v1/orders?limit=x", "/api/v1/orders/UPPER", "/api/v1/models/0x12"])
      await contract.get(path, "Error", { status: 400 });
  },

  async "the overview lists the orders of the API"({ base, page, contract }) {
    await visit(page, base, "#/", "Orders");
    await page.locator(".link.live").waitFor();
    await eventually(async () => {
      const { orders } = await contract.get("/api/v1/orders?limit=20", "OrderPage");
      const rows = await page.$$eval("tr[data-order]", (list) => list.map((row) => [row.dataset.order, row.dataset.state]));
      expect_equal(rows, orders.map((order) => [order.id, order.state]), "orders shown");
    });
    await eventually(async () => {
      const { counts } = await contract.get("/api/v1/status", "Status");
      const figures = await page.$$eval(".figures dd", (list) => list.slice(0, 3).map((dd) => Number(dd.textContent)));
      expect_equal(figures, [counts.open, counts.settled, counts.providers], "open, settled, providers");
    });
  },

  async "each order's page tells what the API tells"({ base, page, contract }) {
    const { orders } = await contract.get("/api/v1/orders?limit=200", "OrderPage");
    for (const { id } of sample(orders)) {
      await visit(page, base, `#/orders/${id}`, `Order #${id}`);
      await eventually(async () => compare_order(page, await contract.get(`/api/v1/orders/${id}`, "Order")));
    }
  },

  async "the providers' page shows each one's record"({ base, page, contract }) {
    await visit(page, base, "#/providers", "Providers");
    await eventually(async () => {
      const providers = await contract.get("/api/v1/providers", "Provider", { list: true });
      const shown = await page.$$eval("tr[data-provider]", (list) => list.map((row) => Number(row.dataset.provider)).sort((a, b) => a - b));
      expect_equal(shown, providers.map((p) => p.account).sort((a, b) => a - b), "providers shown");
      for (const p of providers.filter((one) => one.accepted > 0))
        expect_equal(await page.locator(`tr[data-provider="${p.account}"] .record .good`).innerText(), `${p.accepted} ok`, `record of ${p.account}`);
    });
  },

  async "a provider's page gives the reason of every verdict"({ base, page, contract }) {
    const providers = await contract.get("/api/v1/providers", "Provider", { list: true });
    const worst = [...providers].sort((a, b) => b.rejected + b.silent - a.rejected - a.silent)[0];
    if (!worst) return;
    await visit(page, base, `#/providers/${worst.account}`, `Account #${worst.account}`);
    await eventually(async () => {
      const { work } = await contract.get(`/api/v1/accounts/${worst.account}`, "AccountRecord");
      const shown = await page.$$eval("[data-work]", (list) => list.map((li) => [li.dataset.work, li.querySelector(".reason").firstChild.textContent.trim()]));
      expect_equal(shown, work.map((one) => [one.order, one.reason ?? "Nothing is decided yet."]), `work of ${worst.account}`);
    });
  },

  async "the charts add up to what the API tells"({ base, page, contract }) {
    await visit(page, base, "#/", "Orders");
    await eventually(async () => {
      const { points } = await contract.get("/api/v1/history?points=48", "History");
      const placed = points.reduce((sum, point) => sum + point.orders, 0);
      const label = (await page.locator(".history .plot").first().getAttribute("aria-label", { timeout: 2_000 })) ?? "";
      if (!label.includes(`${placed} order`)) throw new Error(`[page] chart says "${label}", ${placed} orders expected`);
      if ((await page.locator(".history canvas").count()) !== 2) throw new Error("[page] two charts expected");
    });
  },

  async "the models' page shows each card"({ base, page, contract }) {
    const models = await contract.get("/api/v1/models", "Model", { list: true });
    await visit(page, base, "#/models", "Models");
    await eventually(async () => {
      const shown = await page.$$eval("[data-program]", (list) => list.map((card) => [card.dataset.program, card.querySelector("h2").textContent]));
      expect_equal(shown, models.map((m) => [m.program, m.name]), "models shown");
    });
  },

  async "an unknown order and an unknown page say so"({ base, page }) {
    await visit(page, base, "#/orders/999999999", "Order #999999999");
    await page.getByRole("alert").getByText("Not found").waitFor();
    await visit(page, base, "#/no/such/page", "No such page");
  },

  "it works by keyboard": check_keyboard,
  "it is accessible in light and dark": check_accessible,
  "it fits phones and desktops": check_fits,
  "nothing jumps while it loads": check_still,
};

function conserve({ id, state, money }) {
  if (!kFinal.includes(state)) return;
  const [into, out] = [["escrow", "bonds", "slashed"], ["paid", "fee", "burned", "refunded", "bonds_returned"]].map((keys) => keys.reduce((sum, key) => sum + BigInt(money[key]), 0n));
  if (into !== out) throw new Error(`[page] order ${id}: ${into} wei came in, ${out} went out`);
}

/** One order of each state and verdict, at most eight. */
function sample(orders) {
  const kinds = new Map(orders.map((order) => [`${order.state}/${order.verdict}/${order.slashed !== "0"}/${order.mine}`, order]));
  return [...kinds.values()].slice(0, 8);
}

export async function visit(page, base, hash, title) {
  await page.goto(`${base}/${hash}`);
  await page.getByRole("heading", { level: 1, name: title, exact: true }).waitFor();
}

async function compare_order(page, order) {
  const members = await page.$$eval(".members > li", (list) => list.map((li) => [Number(li.dataset.account), li.dataset.verdict]));
  expect_equal(members, order.rounds.flatMap((round) => round.members.map((m) => [m.account, m.verdict ?? ""])), `members of order ${order.id}`);
  const events = await page.$$eval("[data-event]", (list) => list.map((li) => li.dataset.event));
  expect_equal(events, order.events.map((event) => event.name), `events of order ${order.id}`);
  const paid = await page.locator('[data-money="paid"] .money').getAttribute("title");
  expect_equal(paid, `${order.money.paid} wei`, `paid for order ${order.id}`);
  if (order.receipt_url) {
    const link = await page.getByRole("link", { name: "Download receipt" }).evaluate((a) => new URL(a.href).pathname);
    expect_equal(link, order.receipt_url, `receipt of order ${order.id}`);
  }
  if (order.input.picture_url) {
    const width = await page.locator(".picture img").evaluate((img) => img.decode().then(() => img.naturalWidth));
    if (width < 1) throw new Error(`[page] order ${order.id}: its picture is empty`);
  }
  if (order.text?.text) {
    expect_equal(await page.locator(".continued strong").textContent(), order.text.text, `text of order ${order.id}`);
    return;
  }
  const scores = order.outputs?.find((output) => output.data?.length > 1 && output.data.length === output.shape.at(-1));
  if (scores) {
    const top = scores.data.indexOf(Math.max(...scores.data));
    expect_equal(await page.locator(".headline strong").innerText(), scores.labels?.[top] ?? String(top), `answer of order ${order.id}`);
  }
}

/** Takes the overview and one order, on desktop and phone, in light and dark. */
export async function take_shots(browser, base, folder, contract) {
  mkdirSync(folder, { recursive: true });
  const { orders } = await contract.get("/api/v1/orders?limit=200", "OrderPage");
  const order = orders.find((o) => o.answer && o.slashed !== "0") ?? orders[0];
  const [provider] = [...(await contract.get("/api/v1/providers", "Provider", { list: true }))].sort((a, b) => b.rejected - a.rejected);
  const pages = { overview: "#/", providers: "#/providers", models: "#/models", new: "#/new", account: "#/account", ...(provider && { provider: `#/providers/${provider.account}` }), ...(order && { order: `#/orders/${order.id}` }) };
  for (const colorScheme of ["light", "dark"]) {
    for (const [device, viewport] of [["desktop", { width: 1280, height: 900 }], ["phone", { width: 390, height: 844 }]]) {
      const page = await browser.newPage({ viewport, colorScheme });
      for (const [name, hash] of Object.entries(pages)) {
        await page.goto(`${base}/${hash}`);
        await page.locator(".link.live").waitFor();
        await page.waitForFunction(() => !document.querySelector(".waiting"));
        await page.waitForTimeout(400); // charts and pictures
        await page.screenshot({ path: join(folder, `${name}-${device}-${colorScheme}.png`), fullPage: device === "desktop" });
      }
      await page.close();
    }
  }
}

/** Runs all checks against `base`; returns [{name, error}]. */
export async function check_page(browser, base) {
  const contract = await open_contract(base);
  const results = [];
  for (const [name, body] of Object.entries(kChecks)) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(15_000);
    const complaints = watch(page, base);
    const error = await body({ base, page, contract, browser }).catch((failure) => failure);
    results.push({ name, error: error ?? (complaints.length ? new Error(complaints.join("; ")) : undefined) });
    await page.close();
  }
  return results;
}

async function main([base, flag, folder]) {
  if (!base) throw new Error("usage: node test/page.mjs BASE_URL [--shots FOLDER]");
  const browser = await open_browser();
  try {
    const results = await check_page(browser, base.replace(/\/$/, ""));
    for (const { name, error } of results) console.log(error ? `FAILED ${name}\n  ${error.message}` : `ok ${name}`);
    if (flag === "--shots" && folder) await take_shots(browser, base.replace(/\/$/, ""), folder, await open_contract(base.replace(/\/$/, "")));
    const failed = results.filter(({ error }) => error).length;
    console.log(`${results.length - failed} passed, ${failed} failed`);
    process.exitCode = failed ? 1 : 0;
  } finally {
    await browser.close();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  await main(process.argv.slice(2)).catch((error) => {
    console.error(`[page] ${error.message}${error.cause ? `: ${error.cause.message}` : ""}`);
    process.exitCode = 1;
  });

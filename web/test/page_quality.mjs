/** What must hold of every page whatever it shows: keyboard, accessibility, size, stillness, silence. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const kPages = ["#/", "#/providers", "#/models", "#/new", "#/account", "#/words"];
const axe_path = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** Notes errors of the page, and requests that leave the node. */
export function watch(page, base, expected_failures = []) {
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`script error: ${error.message}`));
  page.on("console", (message) => {
    const expected = message.text().startsWith("Failed to load resource") && ["/orders/999999999", ...expected_failures].some((end) => message.location().url.endsWith(end));
    if (message.type() === "error" && !expected) complaints.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(base) && !request.url().startsWith("data:")) complaints.push(`request elsewhere: ${request.url()}`);
  });
  return complaints;
}

/** The pages to look at: the fixed ones and the newest orders. */
async function all_pages(contract) {
  const { orders } = await contract.get("/api/v1/orders?limit=3", "OrderPage");
  const [provider] = await contract.get("/api/v1/providers", "Provider", { list: true });
  const writer = (await contract.get("/api/v1/models", "Model", { list: true })).find((model) => model.language);
  return [...kPages, ...(writer ? [`#/new/${writer.program}`] : []), ...(provider ? [`#/providers/${provider.account}`] : []), ...orders.map((order) => `#/orders/${order.id}`)];
}

async function show(page, base, hash) {
  await page.goto(`${base}/${hash}`);
  await page.locator("h1").waitFor();
  await page.waitForFunction(() => !document.querySelector(".waiting"));
}

export async function check_keyboard({ base, page, contract }) {
  await show(page, base, "#/");
  await page.keyboard.press("Tab");
  const term = page.locator(".figures .term").first();
  await term.focus();
  const tip = term.getByRole("tooltip");
  await tip.waitFor();
  if ((await tip.innerText()).length < 20) throw new Error("[keyboard] a focused word has no explanation");
  await page.keyboard.press("Escape");
  await tip.waitFor({ state: "hidden" });
  const { orders } = await contract.get("/api/v1/orders?limit=1", "OrderPage");
  if (!orders[0]) return;
  await page.locator(".switch button").first().focus();
  for (let i = 0; i < 12 && !(await page.evaluate(() => document.activeElement?.className === "cover")); i += 1) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForURL(/#\/orders\//);
  await page.waitForFunction(() => document.activeElement?.tagName === "H1");
}

export async function check_accessible({ base, page, contract }) {
  const axe = await readFile(axe_path, "utf8");
  for (const hash of await all_pages(contract)) {
    await show(page, base, hash);
    await page.evaluate(axe);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const violations = await page.evaluate(async () => (await window.axe.run(document, { resultTypes: ["violations"] })).violations);
      const told = violations.map((v) => `${v.id} (${v.nodes.length}): ${v.nodes[0].html.slice(0, 160)} ${v.nodes[0].failureSummary?.split("\n")[1] ?? ""}`);
      if (told.length) throw new Error(`[accessible] ${hash} ${colorScheme}: ${told.join("; ")}`);
    }
  }
}

export async function check_fits({ base, page, contract }) {
  for (const hash of await all_pages(contract)) {
    await show(page, base, hash);
    for (const width of [320, 390, 768, 961, 1280, 1920]) {
      await page.setViewportSize({ width, height: 800 });
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (over > 0) throw new Error(`[fits] ${hash} at ${width} px: ${over} px too wide`);
    }
  }
}

const kMostShift = 0.1; // "good" by web.dev's Cumulative Layout Shift

export async function check_still({ base, page, contract }) {
  await page.addInitScript(() => {
    window.shift = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
  });
  for (const hash of await all_pages(contract)) {
    await page.goto("about:blank");
    await show(page, base, hash);
    await page.waitForTimeout(500);
    const shift = await page.evaluate(() => window.shift);
    if (shift > kMostShift) throw new Error(`[still] ${hash}: layout shift ${shift}, at most ${kMostShift}`);
  }
}

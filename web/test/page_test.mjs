/** The page in Chromium, in front of the fixture: the checks that also run against a real node, and what only a fixture can do. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { open_browser } from "./browser.mjs";
import { open_contract } from "./contract.mjs";
import { start_fixture } from "./fixture.mjs";
import { order, summary } from "./fixture_data.mjs";
import { kChecks, take_shots, visit } from "./page.mjs";
import { watch } from "./page_quality.mjs";

let browser;
let fixture;
let page;

beforeAll(async () => {
  browser = await open_browser();
  fixture = await start_fixture();
});
afterAll(async () => {
  await browser?.close();
  await fixture?.close();
});

/** A fresh page in front of `node`, closed after `body`; fails on errors in the console. */
async function with_page(node, body) {
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(15_000);
  const complaints = watch(page, node.url);
  try {
    await body(page);
    return complaints;
  } finally {
    await page.close();
  }
}

describe("in front of any node", () => {
  for (const [name, check] of Object.entries(kChecks))
    it(name, async () => {
      const contract = await open_contract(fixture.url);
      const complaints = await with_page(fixture, (tab) => check({ base: fixture.url, page: tab, contract, browser }));
      expect(complaints).toEqual([]);
    });
});

describe("words", () => {
  it("are explained inside the window of a phone", async () => {
    await with_page(fixture, async (tab) => {
      await tab.setViewportSize({ width: 320, height: 700 });
      await visit(tab, fixture.url, "#/orders/2", "Order #2");
      await tab.locator(".members").waitFor();
      const words = tab.locator(".term:visible");
      for (let i = 0; i < (await words.count()); i += 1) {
        await words.nth(i).focus();
        const { left, right } = await words.nth(i).getByRole("tooltip").evaluate((tip) => tip.getBoundingClientRect());
        expect(left).toBeGreaterThanOrEqual(0);
        expect(right).toBeLessThanOrEqual(320);
      }
    });
  });
});

describe("live", () => {
  it("shows a new order and its progress without reloading", async () => {
    const spec = { id: 50, at: Date.now(), state: "drawing", rounds: [] };
    await with_page(fixture, async (tab) => {
      await visit(tab, fixture.url, "#/", "Orders");
      await tab.locator(".link.live").waitFor();
      await tab.locator("tr[data-order]").first().waitFor();
      fixture.change(order(spec));
      await tab.locator('tr[data-order="50"][data-state="drawing"]').waitFor();
      expect(await tab.locator("tr[data-order]").first().getAttribute("data-order")).toBe("50");
      fixture.change(order({ ...spec, state: "settled", verdict: "accepted", rounds: [["quorum", { 2: "accepted", 3: "accepted", 4: "rejected" }]] }));
      await tab.locator('tr[data-order="50"][data-state="settled"]').getByText("Accepted").waitFor();
    });
  });

  it("renews an open order page when the order changes", async () => {
    const spec = { id: 51, at: Date.now(), state: "committing", rounds: [["quorum", { 2: "committed", 3: "drawn", 4: "drawn" }]] };
    fixture.change(order(spec));
    await with_page(fixture, async (tab) => {
      await visit(tab, fixture.url, "#/orders/51", "Order #51");
      await tab.getByText("sealed", { exact: true }).waitFor();
      fixture.change(order({ ...spec, state: "settled", verdict: "accepted", rounds: [["quorum", { 2: "accepted", 3: "accepted", 4: "rejected" }]] }));
      await tab.locator('li[data-account="4"][data-verdict="rejected"]').waitFor();
      await tab.getByRole("link", { name: "Download receipt" }).waitFor();
    });
  });

  it("shows only the node's own orders when asked", async () => {
    await with_page(fixture, async (tab) => {
      await visit(tab, fixture.url, "#/", "Orders");
      await tab.getByRole("button", { name: "Mine" }).click();
      await tab.locator("tr[data-order]").first().waitFor();
      await tab.locator('tr[data-order="9"]').waitFor({ state: "detached" });
      fixture.tell({ type: "order", order: summary(order({ id: 60, at: Date.now(), state: "drawing", rounds: [], mine: false })) });
      await tab.waitForTimeout(200);
      expect(await tab.locator('tr[data-order="60"]').count()).toBe(0);
    });
  });
});

describe("without a node", () => {
  it("says so, keeps what it knew, and recovers by itself", async () => {
    const node = await start_fixture();
    await with_page(node, async (tab) => {
      await visit(tab, node.url, "#/", "Orders");
      await tab.locator("tr[data-order]").first().waitFor();
      await node.close();
      await tab.getByRole("alert").getByText("The node does not answer.").waitFor();
      expect(await tab.locator("tr[data-order]").count()).toBeGreaterThan(5);
      const again = await start_fixture({ port: node.port });
      await tab.locator(".link.live").waitFor({ timeout: 30_000 });
      await tab.getByRole("alert").waitFor({ state: "detached" });
      await again.close();
    });
  });

  it("polls when only the socket is down", async () => {
    await with_page(fixture, async (tab) => {
      await tab.addInitScript(() => {
        window.WebSocket = class {
          constructor() {
            setTimeout(() => this.onclose?.(), 0);
          }
          close() {}
        };
      });
      await visit(tab, fixture.url, "#/", "Orders");
      await tab.locator(".link.polling").waitFor();
      await tab.locator("tr[data-order]").first().waitFor();
      fixture.market.orders.push(order({ id: 70, at: Date.now(), state: "drawing", rounds: [] }));
      await tab.locator('tr[data-order="70"]').waitFor();
    });
  });
});

describe("states of a node", () => {
  it("explains an empty market", async () => {
    const empty = await start_fixture({ empty: true });
    const complaints = await with_page(empty, async (tab) => {
      for (const [hash, title, text] of [["#/", "Orders", "No orders yet."], ["#/providers", "Providers", "Nobody sells work yet."], ["#/models", "Models", "No models yet."]]) {
        await visit(tab, empty.url, hash, title);
        await tab.getByText(text).waitFor();
      }
    });
    await empty.close();
    expect(complaints).toEqual([]);
  });

  it("warns when the node has lost its ledger", async () => {
    const cut = await start_fixture({ ledger: { connected: false } });
    await with_page(cut, async (tab) => {
      await visit(tab, cut.url, "#/", "Orders");
      await tab.getByRole("alert").getByText("cannot reach its ledger").waitFor();
    });
    await cut.close();
  });

  it("hides what belongs to another buyer", async () => {
    await with_page(fixture, async (tab) => {
      await visit(tab, fixture.url, "#/orders/4", "Order #4");
      await tab.getByText("Only the buyer and the providers drawn can read the input").waitFor();
    });
  });

  it("shows text of others as text", async () => {
    const node = await start_fixture();
    const evil = "<img src=x onerror=window.hit=1>";
    node.market.models = [{ ...node.market.models[0], name: evil, description: evil, author: evil }];
    const complaints = await with_page(node, async (tab) => {
      await visit(tab, node.url, "#/models", "Models");
      await tab.getByRole("heading", { name: evil }).waitFor();
      expect(await tab.evaluate(() => window.hit)).toBeUndefined();
    });
    await node.close();
    expect(complaints).toEqual([]);
  });
});

if (process.env.KOINON_SHOTS)
  describe("pictures", () => {
    it("are taken", async () => take_shots(browser, fixture.url, process.env.KOINON_SHOTS, await open_contract(fixture.url)));
  });

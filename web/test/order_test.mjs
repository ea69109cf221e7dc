/** Signing in, placing orders and a wallet, in Chromium in front of the fixture. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { open_browser } from "./browser.mjs";
import { kToken, start_fixture } from "./fixture.mjs";
import { kWords, order, picture } from "./fixture_data.mjs";
import { add_wallet, drop_file, place, sign_in } from "./order_steps.mjs";
import { visit } from "./page.mjs";
import { watch } from "./page_quality.mjs";

let browser;
beforeAll(async () => void (browser = await open_browser()));
afterAll(() => browser?.close());

/** A fresh page in front of a fresh fixture; fails on errors in the console other than failed requests of `expected`. */
async function with_node(options, expected, body) {
  const node = await start_fixture(options);
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(10_000);
  const complaints = watch(page, node.url, expected);
  try {
    await body(page, node);
    expect(complaints).toEqual([]);
  } finally {
    await page.close();
    await node.close();
  }
}

const kAsking = ["/api/v1/status", "/api/v1/orders/2"];

describe("a node that wants its token", () => {
  it("is asked for, refuses a wrong one, and goes on where it was", () =>
    with_node({ locked: true }, kAsking, async (page, node) => {
      await page.goto(`${node.url}/#/orders/2`);
      await sign_in(page, "123");
      await page.getByText("A token has 64 characters").waitFor();
      await sign_in(page, "f".repeat(64));
      await page.getByText("That is not the token of this node.").waitFor();
      await sign_in(page, ` ${kToken.toUpperCase()} `);
      await page.getByRole("heading", { level: 1, name: "Order #2" }).waitFor();
      await page.locator(".link.live").waitFor();
      const width = await page.locator(".picture img").evaluate((img) => img.decode().then(() => img.naturalWidth));
      expect(width).toBe(28);
      await page.reload();
      await page.getByRole("heading", { level: 1, name: "Order #2" }).waitFor();
    }));

  it("takes it from the address and removes it there", () =>
    with_node({}, ["/api/v1/orders"], async (page, node) => {
      await page.goto(`${node.url}/#token=${kToken}`);
      await page.waitForURL(`${node.url}/#/`);
      await page.goto(`${node.url}/#/account`);
      await page.getByRole("button", { name: "Sign out of this tab" }).click();
      await page.getByLabel("Token of this node").waitFor();
    }));
});

describe("what became of optimistic orders", () => {
  it("heads their one round as what it is", () =>
    with_node({}, [], async (page, node) => {
      const alone = order({ id: 99, at: Date.now() - 60_000, state: "settled", verdict: "accepted", rounds: [["quorum", { 2: "accepted" }]] });
      node.market.orders = [{ ...alone, policy: { ...alone.policy, check: "optimistic", n: 1, k: 1 } }];
      await visit(page, node.url, "#/orders/99", "Order #99");
      await page.locator(".round", { hasText: "Claim" }).waitFor();
      expect(await page.locator(".round h2, .round h3").allInnerTexts()).toEqual(["Claim"]);
    }));

  it("gives the proof of an order that was paid for one", () =>
    with_node({}, [], async (page, node) => {
      const proven = order({ id: 98, at: Date.now() - 60_000, state: "settled", verdict: "accepted", rounds: [["quorum", { 2: "accepted" }]] });
      node.market.orders = [{ ...proven, mine: true, policy: { ...proven.policy, check: "proof", n: 1, k: 1 } }];
      await visit(page, node.url, "#/orders/98", "Order #98");
      await page.getByText("Its proof was checked.").waitFor();
      expect(await page.getByText("Download proof").getAttribute("href")).toBe("api/v1/orders/98/proof");
    }));

  it("tells a watcher of a lie that it had too little money for", () =>
    with_node({}, [], async (page, node) => {
      const claim = {
        order: "7", provider: 4, found: "differs", text: "our own run gives another result", trouble: "1.25 more are needed: koinon account deposit 1.25",
        outcome: "stood", demands: 0, price_max: "1000", earned: "0", checked_at: Date.now(), run_ms: 5,
      };
      node.market.watch = { watching: true, full_price: "0", agreed: 0, wrong: 1, lost: 1, earned: "0", fees: "2000000000000000000", free: "750000000000000000", claims: [claim] };
      await visit(page, node.url, "#/account", "Account");
      for (const text of ["One wrong claim was paid", "1.25 more are needed", "put money into the account"]) await page.getByText(text).waitFor();
    }));
});

describe("placing an order", () => {
  it("goes from a dropped picture over the quote to its page", () =>
    with_node({}, ["/api/v1/orders"], async (page, node) => {
      await visit(page, node.url, "#/", "Orders");
      await page.getByRole("link", { name: "New order" }).click();
      await page.getByRole("radio", { name: /digits-mlp/ }).check();
      await drop_file(page, "seven.png", "image/png", picture());
      await page.getByAltText("The input, scaled to what the model takes").waitFor();
      await page.getByText("Sign in below to place it.").waitFor();
      for (const name of ["Providers in reach", "Expected cost", "You risk", "Each provider risks"]) await page.getByText(name).waitFor();
      await sign_in(page, kToken);
      const id = await place(page);
      await page.getByRole("heading", { level: 1, name: `Order #${id}` }).waitFor();
      await page.getByRole("timer").getByText("This phase ends in").waitFor();
      const [{ body, key }] = node.market.posted;
      expect(body).toEqual({
        program: node.market.models[1].program, input: { image: picture().toString("base64") }, max_price: "10500000000000000", n: 3, audit_bps: 900, commit_window: 120, label: "seven.png",
      });
      expect(key).toMatch(/^[0-9a-f]{32}$/);
    }));

  it("offers to run an optimistic order on this node too", () =>
    with_node({}, ["/api/v1/orders"], async (page, node) => {
      const [first, model] = node.market.models;
      node.market.models = [first, { ...model, policies: [...model.policies, { check: "optimistic", privacy: "plain" }] }];
      await visit(page, node.url, `#/new/${model.program}`, "Place an order");
      await drop_file(page, "seven.png", "image/png", picture());
      expect(await page.getByLabel("Run it on this node too").count()).toBe(0);
      await page.getByRole("button", { name: "Optimistic" }).click();
      await page.getByLabel("Run it on this node too").check();
      await sign_in(page, kToken);
      await place(page);
      const [{ body }] = node.market.posted;
      expect([body.check, body.trap, body.n, body.audit_bps]).toEqual(["optimistic", true, 1, 0]);
    }));

  it("orders a proof from one provider", () =>
    with_node({}, ["/api/v1/orders"], async (page, node) => {
      const [first, model] = node.market.models;
      node.market.models = [first, { ...model, policies: [...model.policies, { check: "proof", privacy: "plain" }] }];
      await visit(page, node.url, `#/new/${model.program}`, "Place an order");
      await drop_file(page, "seven.png", "image/png", picture());
      expect(await page.getByRole("button", { name: "Optimistic" }).count()).toBe(0);
      await page.getByRole("button", { name: "Proof" }).click();
      expect(await page.getByLabel("Audit").count() + (await page.getByLabel("Run it on this node too").count())).toBe(0);
      await sign_in(page, kToken);
      await place(page);
      const [{ body }] = node.market.posted;
      expect([body.check, body.trap, body.n, body.audit_bps]).toEqual(["proof", undefined, 1, 0]);
    }));

  it("takes a prompt for a language model, and shows the text when it is there", () =>
    with_node({}, ["/api/v1/orders"], async (page, node) => {
      const model = node.market.models[2];
      await visit(page, node.url, `#/new/${model.program}`, "Place an order");
      await page.getByText("Write a prompt first.").waitFor();
      await page.getByLabel("The beginning").fill("Mira was selling\n");
      await page.locator(".seen .count", { hasText: "5" }).waitFor();
      await page.getByText("room for 124 more").waitFor();
      await page.getByRole("button", { name: "Drawn by chance" }).click();
      await page.getByLabel("Temperature").fill("hot");
      await page.getByRole("alert").getByText("A number from 0.004 to 256 is expected.").waitFor();
      await page.getByText("Write a prompt first.").waitFor();
      await page.getByLabel("Temperature").fill("0.8");
      await page.getByLabel("Top-k").fill("30");
      await page.getByRole("textbox", { name: "Seed" }).fill("a seed");
      await page.getByLabel("Tokens to add").fill("24");
      await page.getByText("Sign in below to place it.").waitFor();
      await sign_in(page, kToken);
      const id = await place(page);
      const [{ body }] = node.market.posted;
      expect(body).toEqual({
        program: model.program, input: { text: { prompt: "Mira was selling\n", tokens: 24, temperature: 0.8, top_k: 30, top_p: 1, past_end: false, seed: "a seed" } },
        max_price: "10500000000000000", n: 3, audit_bps: 900, commit_window: 120, label: "Mira was selling",
      });
      await page.getByText("It appears here as soon as enough providers agree.").waitFor();
      const words = { ...kWords, prompt: "Mira was selling\n", coldness: 5120, top_k: 30 };
      node.change(order({ id: Number(id), at: Date.now() - 9000, state: "settled", verdict: "accepted", rounds: [["quorum", { 2: "accepted", 3: "accepted", 5: "accepted" }]], model, words }));
      expect(await page.locator(".continued strong").textContent()).toBe(kWords.text);
      await page.getByText("temperature 0.8, of the 30 most likely tokens").waitFor();
    }));

  it("says before anything is paid that a text is too long", () =>
    with_node({}, ["/api/v1/preview"], async (page, node) => {
      await visit(page, node.url, `#/new/${node.market.models[2].program}`, "Place an order");
      await page.getByLabel("The beginning").fill("Mira ".repeat(100));
      await page.getByRole("alert").getByText("64 tokens behind a prompt of 125: the context of 128 leaves room for 4").waitFor();
      await page.getByLabel("Tokens to add").fill("4");
      await page.getByText("room for 4 more").waitFor();
    }));

  it("keeps a prompt and a picture apart when another model is chosen", () =>
    with_node({}, [], async (page, node) => {
      await visit(page, node.url, `#/new/${node.market.models[2].program}`, "Place an order");
      await page.getByLabel("The beginning").fill("Mira");
      await page.locator(".seen .count").waitFor();
      await page.getByRole("radio", { name: /digits-mlp/ }).check();
      await page.getByText("Give an input first.").waitFor();
      await drop_file(page, "seven.png", "image/png", picture());
      await page.getByAltText("The input, scaled to what the model takes").waitFor();
      await page.getByRole("radio", { name: /harbour/ }).check();
      await page.getByText("Write a prompt first.").waitFor();
    }));

  it("takes pasted numbers, and shows what the node says of wrong ones", () =>
    with_node({}, ["/api/v1/preview"], async (page, node) => {
      await visit(page, node.url, "#/new", "Place an order");
      await page.getByText("Or paste numbers as JSON").click();
      const use = async (text) => {
        await page.getByLabel("Numbers").fill(text);
        await page.getByRole("button", { name: "Use these numbers" }).click();
      };
      await use("[1, 2");
      await page.getByText("This is not JSON").waitFor();
      await use("[1, 2]");
      await page.getByText("784 expected").waitFor();
      await use(JSON.stringify(Array.from({ length: 784 }, (_, i) => (i < 3 ? 9 : 0))));
      await page.getByText("3 numbers lie outside").waitFor();
    }));

  it("says what to do when the node refuses, and places once when pressed again", () =>
    with_node({}, ["/api/v1/orders"], async (page, node) => {
      await page.goto(`${node.url}/#token=${kToken}`);
      await visit(page, node.url, "#/new", "Place an order");
      await drop_file(page, "seven.png", "image/png", picture());
      node.market.refuse = [429, "exhausted", "[order] 2 providers work for at most 0.0105 tokens: 3 are wanted"];
      await page.getByRole("button", { name: "Place the order" }).click();
      await page.getByRole("alert").getByText("Raise the most you pay for a run").waitFor();
      node.market.refuse = null;
      await place(page);
      expect(node.market.posted.length).toBe(1);
    }));

  it("holds back what cannot be paid or run", () =>
    with_node({}, ["/api/v1/orders"], async (page, node) => {
      await page.goto(`${node.url}/#token=${kToken}`);
      await visit(page, node.url, "#/new", "Place an order");
      await drop_file(page, "seven.png", "image/png", picture());
      const price = page.getByLabel("Most for one run");
      await price.fill("0.001");
      await page.getByText("Too few providers work at this price").waitFor();
      await price.fill("400");
      await page.getByText("The account holds less than the escrow.").waitFor();
      await price.fill("many");
      await page.getByText("An amount such as 0.002 is expected.").waitFor();
      expect(node.market.posted).toEqual([]);
    }));
});

describe("a wallet of the browser", () => {
  it("is found, switched to the market's chain, and shows what the person declined", () =>
    with_node({}, [], async (page, node) => {
      let chain = "0x1";
      const answers = {
        eth_requestAccounts: () => ({ result: ["0x00000000000000000000000000000000000000aa"] }),
        eth_chainId: () => ({ result: chain }),
        wallet_switchEthereumChain: ({ params }) => ((chain = params[0].chainId), { result: null }),
        eth_call: () => ({ result: `0x${(5n * 10n ** 18n).toString(16).padStart(64, "0")}` }),
        eth_sendTransaction: () => ({ error: { code: 4001, message: "no" } }),
      };
      await add_wallet(page, "Test wallet", (call) => answers[call.method]?.(call) ?? { error: { code: -32601, message: call.method } });
      await visit(page, node.url, "#/account", "Account");
      await page.getByRole("button", { name: "Test wallet" }).click();
      await page.getByRole("button", { name: "Switch the wallet to chain 31337" }).click();
      await page.getByLabel("Put into account #1").fill("2");
      await page.getByRole("button", { name: "Deposit", exact: true }).click();
      await page.getByText("You declined it in the wallet.").waitFor();
    }));
});

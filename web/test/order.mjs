/**
 * Buys a run on the page of a real node, as a person does:
 *   node test/order.mjs URL --token FILE --image FILE --koinon PROGRAM
 * Signs in, puts tokens into the account from a wallet, drops the picture, reads the quote, places the order, watches it to its end,
 * saves the receipt and has `PROGRAM receipt verify` check it. The last line is "N passed, N failed".
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { createWalletClient, http } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { open_browser } from "./browser.mjs";
import { open_contract } from "./contract.mjs";
import { add_wallet, drop_file, place, sign_in } from "./order_steps.mjs";
import { eventually, expect_equal, visit } from "./page.mjs";
import { watch } from "./page_quality.mjs";

const kCoin = 10n ** 18n;
const run = promisify(execFile);

/** A wallet with a key of its own on the node's ledger, with tokens from the node's faucet. It signs; nothing is asked of anybody. */
async function real_wallet(base) {
  const { rpc_url } = await (await fetch(`${base}/api/v1/deployment`)).json();
  const { ledger } = await (await fetch(`${base}/api/v1/status`)).json();
  const account = privateKeyToAccount(generatePrivateKey());
  const body = JSON.stringify({ address: account.address.toLowerCase(), tokens: (3n * kCoin).toString() });
  const given = await fetch(`${base}/api/v1/faucet`, { method: "POST", headers: { "content-type": "application/json" }, body });
  if (!given.ok) throw new Error(`[order] the faucet answered ${given.status}: ${await given.text()}`);
  const chain = { id: ledger.chain_id, name: "local", nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 }, rpcUrls: { default: { http: [rpc_url] } } };
  const client = createWalletClient({ account, chain, transport: http(rpc_url) });
  return async ({ method, params }) => {
    try {
      if (method === "eth_requestAccounts") return { result: [account.address] };
      if (method === "eth_sendTransaction") return { result: await client.sendTransaction({ to: params[0].to, data: params[0].data }) };
      return { result: await client.request({ method, params }) };
    } catch (error) {
      return { error: { code: error.code ?? -32000, message: error.shortMessage ?? error.message } };
    }
  };
}

const balance = async (contract) => BigInt((await contract.get("/api/v1/status", "Status")).account.balance);

/** The checks, in the order of a person's day. Each gets {base, page, contract, token, image, koinon}. */
const kChecks = {
  async "a wrong token is refused, the right one taken"({ base, page, token }) {
    await visit(page, base, "#/account", "Account");
    await sign_in(page, "0".repeat(64));
    await page.getByText("That is not the token of this node.").waitFor();
    await sign_in(page, token);
    await page.getByRole("button", { name: "Sign out of this tab" }).waitFor();
  },

  async "a wallet puts tokens into the account"({ page, contract }) {
    const before = await balance(contract);
    await page.getByRole("button", { name: "Test wallet" }).click();
    await page.locator(".wallet .money").getByText("3").waitFor();
    await page.getByLabel(/^Put into account #/).fill("1.25");
    await page.locator(".wallet").getByRole("button", { name: "Deposit", exact: true }).click();
    await page.getByText("Deposited.").waitFor({ timeout: 60_000 });
    await eventually(async () => expect_equal(String((await balance(contract)) - before), String((5n * kCoin) / 4n), "what arrived"));
  },

  async "an order is placed by dropping a picture"(test) {
    const { base, page, contract, image } = test;
    await visit(page, base, "#/new", "Place an order");
    await drop_file(page, basename(image), "image/png", await readFile(image));
    await page.getByAltText("The input, scaled to what the model takes").waitFor();
    for (const name of ["Providers in reach", "Expected cost", "You risk", "Each provider risks", "Time"]) await page.getByText(name, { exact: true }).waitFor();
    test.id = await place(page, 90_000);
    const order = await contract.get(`/api/v1/orders/${test.id}`, "Order");
    expect_equal(order.input.label, basename(image), "label of the order");
  },

  async "its page follows it to the end"({ page, contract, id }) {
    await page.getByRole("heading", { level: 1, name: `Order #${id}` }).waitFor();
    await page.getByRole("link", { name: "Download receipt" }).waitFor({ timeout: 150_000 });
    const order = await contract.get(`/api/v1/orders/${id}`, "Order");
    expect_equal(order.state, "settled", "state of the order");
    await page.locator(".headline strong").waitFor();
    for (const member of order.rounds.flatMap((round) => round.members)) await page.locator(`.members li[data-account="${member.account}"]`).getByText(member.reason).first().waitFor();
  },

  async "its receipt is saved, and good"({ page, koinon, folder, id }) {
    const saving = page.waitForEvent("download");
    await page.getByRole("link", { name: "Download receipt" }).click();
    const file = join(folder, "receipt.json");
    await (await saving).saveAs(file);
    const { stdout } = await run(koinon, ["receipt", "verify", file, "--json"]);
    expect_equal(String(JSON.parse(await readFile(file, "utf8")).order), id, "order of the receipt");
    const verdict = JSON.parse(stdout);
    if (verdict.valid === false || verdict.ok === false) throw new Error(`[order] receipt verify says ${stdout}`);
    const forged = (await readFile(file, "utf8")).replace(/"order":\s*(\d+)/, (_, n) => `"order":${Number(n) + 1}`);
    await writeFile(file, forged);
    const refused = await run(koinon, ["receipt", "verify", file]).then(() => false, () => true);
    if (!refused) throw new Error("[order] a changed receipt passed");
  },
};

async function main([base, ...rest]) {
  const option = (name) => rest[rest.indexOf(`--${name}`) + 1];
  if (!base || rest.length !== 6) throw new Error("usage: node test/order.mjs URL --token FILE --image FILE --koinon PROGRAM");
  const browser = await open_browser();
  const folder = await mkdtemp(join(tmpdir(), "koinon-order."));
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(20_000);
  const complaints = watch(page, base, ["/api/v1/orders"]); // the token is tried on an order of nothing
  const test = { base, page, folder, image: option("image"), koinon: option("koinon"), contract: await open_contract(base) };
  let [passed, failed] = [0, 0];
  try {
    test.token = (await readFile(option("token"), "utf8")).trim();
    await add_wallet(page, "Test wallet", await real_wallet(base));
    for (const [name, check] of Object.entries(kChecks)) {
      const error = failed ? new Error("the one before failed") : await check(test).then(() => (complaints.length ? new Error(complaints.join("; ")) : null), (failure) => failure);
      console.log(error ? `FAILED ${name}\n  ${error.message}` : `ok ${name}`);
      if (error) failed += 1;
      else passed += 1;
    }
  } finally {
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
}

await main(process.argv.slice(2)).catch((error) => {
  console.error(`[order] ${error.message}${error.cause ? `: ${error.cause.message}` : ""}`);
  process.exitCode = 1;
});

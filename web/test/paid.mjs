/**
 * Pays for calls of a node's models with the official x402 client, and with OpenAI's over it:
 *   node test/paid.mjs URL --token FILE --model NAME --text NAME
 * The node has a public name, sells calls (serve.price), runs its own ledger, and has a program of images and a language model
 * under these names. The last line is "N passed, N failed".
 */
import { webcrypto } from "node:crypto";
import { readFile } from "node:fs/promises";
import OpenAI from "openai";
import { ExactEvmScheme } from "@x402/evm";
import { decodePaymentResponseHeader, wrapFetchWithPaymentFromConfig } from "@x402/fetch";
import { createPublicClient, erc20Abi, http } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { open_contract } from "./contract.mjs";
import { expect_equal } from "./page.mjs";

globalThis.crypto ??= webcrypto; // Node 18 has it under that name alone

const kGreedy = { prompt: "Mira was selling", max_tokens: 12, temperature: 0 };

/** A client with so many tokens, and what it sent last: {account, fetch, balance(), payment}. */
async function open_payer(test, tokens) {
  const account = privateKeyToAccount(generatePrivateKey());
  if (tokens > 0n) {
    const headers = { "Content-Type": "application/json", Authorization: `Bearer ${test.token}` };
    const funded = await fetch(`${test.base}/api/v1/faucet`, { method: "POST", headers, body: JSON.stringify({ address: account.address, tokens: String(tokens) }) });
    if (!funded.ok) throw new Error(`[paid] faucet: ${await funded.text()}`);
  }
  const payer = { account, payment: null };
  const watched = async (request) => {
    payer.payment = request.headers.get("PAYMENT-SIGNATURE") ?? payer.payment;
    return fetch(request);
  };
  payer.fetch = wrapFetchWithPaymentFromConfig(watched, {
    schemes: [{ network: test.network, client: new ExactEvmScheme(account) }],
    spendControls: { allowedAssets: [{ network: test.network, asset: test.asset, maxAmountPerPayment: String(test.price) }] },
  });
  payer.balance = () => test.ledger.readContract({ address: test.asset, abi: erc20Abi, functionName: "balanceOf", args: [account.address] });
  return payer;
}

const post = (body, headers = {}) => ({ method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) });

/** Each gets {base, token, model, text, contract, ledger, network, asset, price, infer_url, infer_body}. */
const kChecks = {
  async "who pays nothing is told the price and gets no answer"({ infer_url, infer_body, contract }) {
    const answer = await fetch(infer_url, post(infer_body));
    expect_equal(answer.status, 402, "status");
    const body = await answer.json();
    contract.conform("schemas/PaymentRequired", body, "402");
    expect_equal(atob(answer.headers.get("PAYMENT-REQUIRED")), JSON.stringify(body), "the field, against the body");
  },

  async "the official client pays a run and gets the owner's answer"(test) {
    const payer = await open_payer(test, test.price * 3n);
    const answer = await payer.fetch(test.infer_url, post(test.infer_body));
    expect_equal(answer.status, 200, "status");
    const settled = decodePaymentResponseHeader(answer.headers.get("PAYMENT-RESPONSE"));
    expect_equal(settled.success, true, "settled");
    expect_equal(settled.payer, payer.account.address, "payer");
    const receipt = await test.ledger.getTransactionReceipt({ hash: settled.transaction });
    expect_equal(receipt.status, "success", "transaction");
    expect_equal(String(await payer.balance()), String(test.price * 2n), "what is left");
    const owner = await fetch(test.infer_url, post(test.infer_body, { Authorization: `Bearer ${test.token}` }));
    const text = await answer.text();
    expect_equal(text, await owner.text(), "the answer, against the owner's");
    const again = await fetch(test.infer_url, post(test.infer_body, { "PAYMENT-SIGNATURE": payer.payment }));
    expect_equal(await again.text(), text, "the same payment again");
    expect_equal(String(await payer.balance()), String(test.price * 2n), "taken once");
  },

  async "OpenAI's client pays texts, whole and streamed"(test) {
    const payer = await open_payer(test, test.price * 3n);
    const free = new OpenAI({ baseURL: `${test.base}/v1`, apiKey: test.token, maxRetries: 0 });
    const paid = new OpenAI({ baseURL: `${test.base}/v1`, apiKey: "none", maxRetries: 0, fetch: payer.fetch });
    const ask = { model: test.text, ...kGreedy };
    const own = await free.completions.create(ask);
    const bought = await paid.completions.create(ask);
    expect_equal(bought.choices[0].text, own.choices[0].text, "text bought");
    let streamed = "";
    for await (const event of await paid.completions.create({ ...ask, stream: true })) streamed += event.choices[0]?.text ?? "";
    expect_equal(streamed, own.choices[0].text, "text bought as a stream");
    expect_equal(String(await payer.balance()), String(test.price), "what is left of three calls' worth after two");
  },

  async "who has too little is refused, and what fails costs nothing"(test) {
    const poor = await open_payer(test, test.price - 1n);
    const refused = await poor.fetch(test.infer_url, post(test.infer_body));
    expect_equal(refused.status, 402, "status");
    expect_equal((await refused.json()).error.split(":")[0], "insufficient_funds", "reason");
    const payer = await open_payer(test, test.price);
    const failed = await payer.fetch(test.infer_url, post({ inputs: [] }));
    expect_equal(failed.status, 400, "status of a request that the model does not take");
    expect_equal(String(await payer.balance()), String(test.price), "what is left");
  },

  async "a visitor sees the models and none of the owner's data"({ base }) {
    for (const [path, status] of [["/v1/models", 200], ["/v2", 200], ["/api/v1/orders", 401], ["/api/v1/status", 401]])
      expect_equal((await fetch(base + path)).status, status, path);
  },
};

/** Reads what the node asks for, and an input that its model takes. */
async function prepare(test) {
  const { deployment, rpc_url } = await (await fetch(`${test.base}/api/v1/deployment`)).json();
  const { inputs } = await (await fetch(`${test.base}/v2/models/${test.model}`)).json();
  const values = inputs[0].shape.reduce((product, size) => product * size, 1);
  test.infer_url = `${test.base}/v2/models/${test.model}/infer`;
  test.infer_body = { inputs: [{ ...inputs[0], data: Array(values).fill(0) }] };
  const asked = await (await fetch(test.infer_url, post(test.infer_body))).json();
  test.asset = asked.accepts[0].asset;
  test.price = BigInt(asked.accepts[0].amount);
  test.network = asked.accepts[0].network;
  expect_equal(test.network, `eip155:${deployment.chain_id}`, "network");
  test.ledger = createPublicClient({ transport: http(rpc_url) });
}

async function main([base, ...rest]) {
  const option = (name) => rest[rest.indexOf(`--${name}`) + 1];
  if (!base || rest.length !== 6) throw new Error("usage: node test/paid.mjs URL --token FILE --model NAME --text NAME");
  const token = (await readFile(option("token"), "utf8")).trim();
  const test = { base, token, model: option("model"), text: option("text"), contract: await open_contract(base) };
  await prepare(test);
  let [passed, failed] = [0, 0];
  for (const [name, check] of Object.entries(kChecks)) {
    const error = await check(test).then(() => null, (failure) => failure);
    console.log(error ? `FAILED ${name}\n  ${error.message}` : `ok ${name}`);
    if (error) failed += 1;
    else passed += 1;
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
}

await main(process.argv.slice(2)).catch((error) => {
  console.error(`[paid] ${error.message}${error.cause ? `: ${error.cause.message}` : ""}`);
  process.exitCode = 1;
});

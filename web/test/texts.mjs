/**
 * Buys texts of a language model from a real node, by the command line and by OpenAI's own client:
 *   node test/texts.mjs URL --token FILE --source FOLDER --koinon PROGRAM
 * FOLDER holds a model as it is published, and calibration.txt. The last line is "N passed, N failed".
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import OpenAI, { BadRequestError, NotFoundError } from "openai";
import { open_browser } from "./browser.mjs";
import { open_contract } from "./contract.mjs";
import { expect_equal, visit } from "./page.mjs";

const kPrompt = "Mira was selling";
const kPrice = "0.01";
const kPriceWei = "10000000000000000";
const run = promisify(execFile);

const greedy = { model: "harbour", prompt: kPrompt, max_tokens: 24, temperature: 0 };

/** The text of a stream, and its last event with a choice. */
async function read_stream(stream, text_of) {
  let [text, last, events] = ["", null, 0];
  for await (const event of stream) {
    events += 1;
    if (!event.choices.length) continue;
    text += text_of(event.choices[0]) ?? "";
    last = event;
  }
  return { text, last, events };
}

/** Each gets {base, token, source, koinon, folder, client, bought} and may add to it. */
const kChecks = {
  async "a model is compiled, and a text of it is bought whole"(test) {
    const { base, token_file, source, koinon, folder } = test;
    const model = join(folder, "harbour");
    await run(koinon, ["language", "build", source, "--calibrate", join(source, "calibration.txt"), "--name", "harbour", "-o", model]);
    const receipt = join(folder, "receipt.json");
    const words = ["--prompt", kPrompt, "--tokens", "24"];
    const { stdout } = await run(koinon, ["order", model, ...words, "--price", kPrice, "--receipt", receipt, "--node", base, "--token-file", token_file, "--json"]);
    test.bought = JSON.parse(stdout);
    const local = JSON.parse((await run(koinon, ["generate", model, ...words, "--json"])).stdout);
    expect_equal(test.bought.text.text, local.text, "the text bought, against the one made here");
    expect_equal(test.bought.trace_root, local.commitment, "trace root, against the commitment of the transcript");
    const verdict = JSON.parse((await run(koinon, ["receipt", "verify", receipt, "--json"])).stdout);
    if (verdict.valid === false || verdict.ok === false) throw new Error(`[texts] receipt verify says ${JSON.stringify(verdict)}`);
  },

  async "its page shows the text"({ base, page, bought }) {
    await visit(page, base, `#/orders/${bought.order}`, `Order #${bought.order}`);
    expect_equal(await page.locator(".continued strong").textContent(), bought.text.text, "text on the page");
  },

  async "what a model does not take is refused before it is paid for"({ base, token_file, koinon, folder }) {
    const refused = await run(koinon, ["order", join(folder, "harbour"), "--prompt", kPrompt, "--tokens", "300", "--price", kPrice, "--node", base, "--token-file", token_file]).then(() => "", (failure) => failure.stderr);
    if (!refused.includes("leaves room for")) throw new Error(`[texts] 300 tokens: ${refused || "taken"}`);
  },

  async "the client lists and completes"({ client, bought }) {
    const models = await client.models.list();
    if (!models.data.some((model) => model.id === "harbour")) throw new Error("[texts] harbour is not listed");
    const { data, response } = await client.completions.create(greedy).withResponse();
    expect_equal(data.choices[0].text, bought.text.text, "text of the client");
    expect_equal(response.headers.get("koinon-output-root"), bought.output_root, "output root");
    expect_equal(data.usage.completion_tokens, bought.text.generated, "tokens");
  },

  async "the client streams"({ client, bought }) {
    const stream = await client.completions.create({ ...greedy, stream: true, stream_options: { include_usage: true } });
    const { text, last, events } = await read_stream(stream, (choice) => choice.text);
    expect_equal(text, bought.text.text, "streamed text");
    expect_equal(last.koinon.output_root, bought.output_root, "output root of the stream");
    if (events < 5) throw new Error(`[texts] a stream of ${events} events`);
    const chat = await client.chat.completions.create({ model: "harbour", messages: [{ role: "user", content: "Hello" }], max_tokens: 8, seed: 7, stream: true });
    const told = await read_stream(chat, (choice) => choice.delta.content);
    const whole = await client.chat.completions.create({ model: "harbour", messages: [{ role: "user", content: "Hello" }], max_tokens: 8, seed: 7 });
    expect_equal(whole.choices[0].message.content, told.text, "chat, whole and streamed");
    expect_equal(told.last.choices[0].finish_reason, whole.choices[0].finish_reason, "why it ends");
  },

  async "the client stops where it is told to"({ client, bought }) {
    const stop = bought.text.text.trim().split(" ")[2];
    const { choices } = await client.completions.create({ ...greedy, stop });
    expect_equal(choices[0].text, bought.text.text.slice(0, bought.text.text.indexOf(stop)), "text before the stop");
    expect_equal(choices[0].finish_reason, "stop", "why it ends");
  },

  async "the client buys with a receipt"({ base, client, bought }) {
    const { data, response } = await client.completions.create({ ...greedy, check: "quorum", max_price: kPriceWei }).withResponse();
    expect_equal(data.choices[0].text, bought.text.text, "text bought");
    expect_equal(response.headers.get("koinon-check"), "quorum", "check");
    expect_equal(response.headers.get("koinon-receipt"), `/api/v1/receipts/${response.headers.get("koinon-order")}`, "receipt");
    expect_equal(response.headers.get("koinon-output-root"), bought.output_root, `output root of order ${base}`);
  },

  async "the client understands errors"({ client }) {
    const thrown = (promise) => promise.then(() => null, (error) => error);
    const missing = await thrown(client.completions.create({ ...greedy, model: "none" }));
    if (!(missing instanceof NotFoundError)) throw new Error(`[texts] an unknown model: ${missing}`);
    const long = await thrown(client.completions.create({ ...greedy, max_tokens: 1000 }));
    if (!(long instanceof BadRequestError) || !long.message.includes("leaves room for")) throw new Error(`[texts] a long text: ${long}`);
    const fields = await thrown(client.completions.create({ ...greedy, logprobs: 2 }));
    if (fields?.status !== 422 || !fields.message.includes("logprobs")) throw new Error(`[texts] logprobs: ${fields}`);
  },
};

async function main([base, ...rest]) {
  const option = (name) => rest[rest.indexOf(`--${name}`) + 1];
  if (!base || rest.length !== 6) throw new Error("usage: node test/texts.mjs URL --token FILE --source FOLDER --koinon PROGRAM");
  const folder = await mkdtemp(join(tmpdir(), "koinon-texts."));
  const token = (await readFile(option("token"), "utf8")).trim();
  const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: token, maxRetries: 0 });
  const browser = await open_browser();
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(20_000);
  const test = { base, token_file: option("token"), source: option("source"), koinon: option("koinon"), folder, client, page, contract: await open_contract(base) };
  let [passed, failed] = [0, 0];
  try {
    for (const [name, check] of Object.entries(kChecks)) {
      const error = await check(test).then(() => null, (failure) => failure);
      console.log(error ? `FAILED ${name}\n  ${error.stderr || error.message}` : `ok ${name}`);
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
  console.error(`[texts] ${error.message}${error.cause ? `: ${error.cause.message}` : ""}`);
  process.exitCode = 1;
});

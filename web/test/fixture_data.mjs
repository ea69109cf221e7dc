/** Data of the fixture server: a small market with honest, lying and silent providers. Only for tests of the page. */
import { createHash } from "node:crypto";
import { deflateSync } from "node:zlib";

export const hash = (...parts) => "0x" + createHash("sha256").update(parts.join("/")).digest("hex");
export const address = (...parts) => hash(...parts).slice(0, 42);
const kCoin = 10n ** 18n;
const wei = (tokens) => ((BigInt(Math.round(tokens * 1e6)) * kCoin) / 1_000_000n).toString();
const sum = (list) => list.reduce((total, x) => total + BigInt(x), 0n);

const kPrice = wei(0.0105);
const kLock = wei(0.21);
const kLabels = [..."0123456789"];
export const kModels = [
  {
    program: hash("lenet"), name: "digits-lenet", description: "Reads one handwritten or printed digit from a 28 by 28 grey picture. A LeNet-5, compiled to 8-bit integer steps.",
    author: "Koinon", licence: "Apache-2.0", price: null, inputs: [{ name: "image", shape: [1, 1, 28, 28], dtype: "float32" }],
    outputs: [{ name: "scores", shape: [1, 10], dtype: "float32", labels: kLabels }], accuracy: 0.991, accuracy_data: "1000 digits drawn from fonts", size: 61_706,
    policies: [{ check: "quorum", privacy: "plain" }],
  },
  {
    program: hash("mlp"), name: "digits-mlp", description: "Reads one digit from a 28 by 28 grey picture with two fully connected layers. Small and fast.",
    author: "Koinon", licence: "Apache-2.0", price: wei(0.0002), inputs: [{ name: "image", shape: [1, 784], dtype: "float32" }],
    outputs: [{ name: "scores", shape: [1, 10], dtype: "float32", labels: kLabels }], accuracy: 0.968, accuracy_data: null, size: 112_344,
    policies: [{ check: "quorum", privacy: "plain" }],
  },
  {
    program: hash("harbour"), name: "harbour", description: "Goes on with small stories of a harbour town.", author: "Koinon", licence: "Apache-2.0", price: null,
    inputs: [], outputs: [], accuracy: null, accuracy_data: null, size: 261_004, policies: [{ check: "quorum", privacy: "plain" }],
    language: { context: 128, vocabulary: 512, candidates: 256, chunk: 8, decode: hash("decode"), prefill: hash("prefill") },
  },
].map((model) => ({ language: null, ...model }));

export function providers() {
  const one = (account, price, stake, locked, accepted, rejected, silent, streak, earned, slashed, weight, active = true) => ({
    account, operator: address("operator", account), endpoint: `http://127.0.0.1:${7100 + account}`, kinds: active ? ["inference"] : [],
    price: active ? wei(price) : null, stake: wei(stake), locked: wei(locked), accepted, rejected, silent, streak,
    points: wei(earned * 0.02), earned: wei(earned), slashed: wei(slashed), weight, active,
  });
  return [
    one(2, 0.0088, 25, 0.42, 41, 0, 0, 41, 0.3612, 0, 65_535),
    one(5, 0.0105, 25, 0.21, 38, 0, 0, 38, 0.391, 0, 58_240),
    one(3, 0.0105, 18, 0.21, 29, 0, 1, 12, 0.3003, 0.0525, 41_002),
    one(6, 0.0074, 10, 0, 11, 0, 2, 3, 0.0814, 0.105, 12_400),
    one(4, 0.0074, 4.2, 0, 3, 4, 0, 0, 0.0222, 0.84, 2_100),
    one(7, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, false),
  ];
}

/** A member that ended as `end`: accepted, rejected, silent, or still at committed, drawn or revealed. */
function member(order, round, account, end, at) {
  const ran = ["accepted", "rejected", "revealed", "undecided"].includes(end);
  const committed = ran || end === "committed";
  const wrong = end === "rejected";
  const reasons = {
    accepted: "Its result is the accepted one.",
    rejected: "Its output root differs from that of the others.",
    silent: "It missed the deadline to commit.",
    undecided: "No result had enough support.",
  };
  return {
    account, price: kPrice, locked: kLock, state: end === "silent" ? "silent" : end === "drawn" ? "drawn" : ran ? "revealed" : "committed",
    commitment: committed ? hash("commitment", order, round, account) : null, committed_at: committed ? at + 1500 : null, revealed_at: ran ? at + 2600 : null,
    output_root: ran ? hash("output", order, wrong || end === "undecided" ? account : "right") : null,
    trace_root: ran ? hash("trace", order, wrong || end === "undecided" ? account : "right") : null,
    mark: ran ? hash("mark", order, account) : null, verdict: end === "accepted" || end === "undecided" ? end : wrong ? "rejected" : null,
    reason: reasons[end] ?? null, paid: end === "accepted" ? (BigInt(kPrice) * 98n / 100n).toString() : "0",
    slashed: wrong ? kLock : end === "silent" ? (BigInt(kLock) / 4n).toString() : "0",
  };
}

/** A text of a language model, as its buyer sees it. */
export const kWords = {
  prompt: "Mira was selling", prompt_tokens: 5, tokens: 3, coldness: 4096, top_k: 1, top_p: 65536, seed: hash("seed"), past_end: false,
  text: " pears at the\nmarket.", generated: 3, ending: "tokens",
};

/** Builds an order from `{id, model, rounds: {quorum: {account: end}}, state, verdict, mine, digit, at}`. */
export function order(spec) {
  const { id, at, state, verdict = null, mine = true, digit = 7, model = kModels[0] } = spec;
  const rounds = spec.rounds.map(([role, ends], i) => ({
    role, seed: hash("seed", id, i), drawn_at: at + 700 + i * 4000, appealed: false, lapsed: false,
    members: Object.entries(ends).map(([account, end]) => member(id, i, Number(account), end, at + i * 4000)),
  }));
  const members = rounds.flatMap((round) => round.members);
  const final = state === "settled" || state === "refunded";
  for (const m of members) if (!final) [m.paid, m.slashed] = ["0", "0"];
  const paid = sum(members.map((m) => m.paid));
  const slashed = sum(members.map((m) => m.slashed));
  const escrow = BigInt(kPrice) * 43n / 10n;
  const burned = slashed / 2n;
  const fee = paid * 2n / 98n;
  const answered = mine && (final ? state === "settled" : state === "standing" || state === "auditing");
  const settled_at = final ? at + 4200 + 4000 * (rounds.length - 1) : null;
  const words = mine && spec.words ? spec.words : null;
  return {
    id: String(id), kind: "inference", check: "quorum", privacy: "plain", program: model.program, model: { name: model.name }, buyer: mine ? 1 : 8,
    state, verdict, price_max: kPrice, paid: paid.toString(), slashed: slashed.toString(), placed_at: at, settled_at, members: members.length, mine,
    answer: answered ? (words ? spec.words.text : `${digit} (97 %)`) : null, deadline: final ? null : at + 60_000,
    policy: { check: "quorum", privacy: "plain", n: 3, k: 2, audit_bps: 1000 },
    input: { root: hash("input", id), size: 3212, picture_url: mine && !words ? `/api/v1/orders/${id}/picture` : null, label: mine ? `digit-${digit}.png` : null },
    text: words, training: null,
    outputs: answered && words ? [{ name: "tokens", shape: [3], data: [17, 4, 301], labels: null }] : answered ? [{ name: "scores", shape: [1, 10], data: kLabels.map((_, i) => (i === digit ? 9.31 : ((i * 7 + id * 3) % 11) * 0.55)), labels: kLabels }] : null,
    rounds, events: events(spec, members, settled_at),
    money: {
      escrow: escrow.toString(), bonds: "0", bonds_returned: "0", paid: paid.toString(), burned: burned.toString(), slashed: slashed.toString(), fee: fee.toString(),
      refunded: final ? (escrow + slashed - paid - burned - fee).toString() : "0",
    },
    refund_reason: state === "refunded" ? verdict : null,
    receipt_url: final ? `/api/v1/receipts/${id}` : null,
  };
}

function events({ id, at, verdict }, members, settled_at) {
  const list = [];
  const add = (name, when, account, text) => list.push({ at: when, block: 1000 + Math.floor((when % 1e7) / 500), tx: hash("tx", id, list.length), name, account, text });
  add("OrderPlaced", at, 1, "The buyer placed the order and put the price in escrow.");
  if (members.length) add("Drawn", at + 700, null, `${members.length} providers were drawn.`);
  for (const m of members) if (m.committed_at) add("Committed", m.committed_at, m.account, `Provider ${m.account} committed to a result.`);
  for (const m of members) if (m.revealed_at) add("Revealed", m.revealed_at, m.account, `Provider ${m.account} revealed its result.`);
  if (verdict) add("VerdictStanding", at + 3000, null, `Verdict: ${verdict}.`);
  if (settled_at) for (const m of members) add("MemberSettled", settled_at, m.account, m.paid !== "0" ? `Provider ${m.account} was paid.` : `Provider ${m.account} was slashed.`);
  if (settled_at) add("Settled", settled_at, null, "The order is final.");
  return list.sort((a, b) => a.at - b.at);
}

export function orders(now) {
  const ago = (seconds) => now - seconds * 1000;
  const all_right = { 2: "accepted", 3: "accepted", 5: "accepted" };
  return [
    { id: 1, at: ago(5400), state: "settled", verdict: "accepted", rounds: [["quorum", all_right]], words: kWords, model: kModels[2] },
    { id: 2, at: ago(3000), state: "settled", verdict: "accepted", rounds: [["quorum", { 2: "accepted", 4: "rejected", 5: "accepted" }]], digit: 7 },
    { id: 3, at: ago(1600), state: "settled", verdict: "accepted", rounds: [["quorum", { 3: "accepted", 6: "silent", 2: "accepted", 5: "accepted" }], ["audit", { 4: "rejected" }], ["jury", { 7: "accepted", 8: "accepted", 9: "accepted", 10: "accepted", 11: "accepted", 12: "silent", 13: "accepted" }]], digit: 1, model: kModels[1] },
    { id: 4, at: ago(600), state: "refunded", verdict: "undecided", rounds: [["quorum", { 4: "undecided", 6: "undecided", 3: "undecided" }]], mine: false },
    { id: 5, at: ago(95), state: "standing", verdict: "accepted", rounds: [["quorum", all_right], ["audit", { 6: "accepted" }]], digit: 9 },
    { id: 6, at: ago(40), state: "jury", rounds: [["quorum", { 2: "revealed", 4: "revealed", 6: "silent" }]], mine: false, model: kModels[1] },
    { id: 7, at: ago(14), state: "revealing", rounds: [["quorum", { 2: "revealed", 3: "committed", 5: "committed" }]], digit: 7 },
    { id: 8, at: ago(6), state: "committing", rounds: [["quorum", { 3: "committed", 5: "drawn", 6: "drawn" }]], digit: 4 },
    { id: 9, at: ago(1), state: "drawing", rounds: [], mine: false },
  ].map(order);
}

/** The summary of an order, as lists and events carry it. */
export function summary({ deadline, policy, input, outputs, text, training, rounds, events, money, refund_reason, receipt_url, ...rest }) {
  void [deadline, policy, input, outputs, text, training, rounds, events, money, refund_reason, receipt_url];
  return rest;
}

export function status(all, sellers, ledger = {}) {
  const open = all.filter((o) => o.state !== "settled" && o.state !== "refunded");
  const total = (pick) => sum(all.map(pick)).toString();
  return {
    version: "0.1.0", time: Date.now(), uptime_ms: 812_000, state: "ready", trouble: "", public: false,
    offers: { kinds: ["inference"], checks: ["quorum", "optimistic", "proof"], privacies: ["plain"] },
    account: { id: 1, owner: address("owner"), operator: address("buyer"), payout: address("payout"), balance: wei(982.4417), stake: "0", locked: "0" },
    ledger: { chain_id: 31337, block: 1812, local: true, market: address("market"), registry: address("registry"), token: address("token"), token_symbol: "KOIN", token_decimals: 18, connected: true, ...ledger },
    counts: { orders: all.length, open: open.length, settled: all.filter((o) => o.state === "settled").length, providers: sellers.filter((p) => p.active).length },
    totals: { escrow: sum(open.map((o) => o.money.escrow)).toString(), paid: total((o) => o.paid), slashed: total((o) => o.slashed), burned: total((o) => o.money.burned) },
    peers: 4,
  };
}

/** What an order of `n` providers at `max_price` would cost at `sellers`. */
export function quote(sellers, n, max_price) {
  const within = sellers.filter((p) => p.active && BigInt(p.price) <= BigInt(max_price));
  const price = BigInt(max_price);
  const bond = (price * BigInt(n)) / 10n;
  return {
    eligible: within.length, price_max: max_price, escrow: (price * BigInt(n + 1) + bond).toString(), bond: bond.toString(), lock: (price * 20n).toString(),
    expected: within.length ? (BigInt(within[0].price) * BigInt(n)).toString() : "0", fee_bps: 100, min_audit_bps: 0,
    windows: { draw: 60, input: 30, reveal: 30, appeal: 10 },
  };
}

/** Money over time, made of the orders. */
export function history(all, points, now) {
  const from = now - 5_400_000;
  const step_ms = Math.ceil(5_400_001 / points);
  const list = Array.from({ length: points }, () => ({ orders: 0, settled: 0, refunded: 0, paid: "0", slashed: "0", burned: "0", earned: "0", lost: "0", spent: "0" }));
  const at = (time) => list[Math.max(0, Math.min(points - 1, Math.floor((time - from) / step_ms)))];
  for (const o of all) {
    at(o.placed_at).orders += 1;
    if (o.settled_at === null) continue;
    const point = at(o.settled_at);
    point[o.state] += 1;
    const add = (key, value) => (point[key] = (BigInt(point[key]) + BigInt(value)).toString());
    for (const [key, value] of [["paid", o.paid], ["slashed", o.slashed], ["burned", o.money.burned], ["earned", o.mine ? "0" : o.paid], ["spent", o.mine ? o.paid : "0"]]) add(key, value);
  }
  return { from, step_ms, points: list };
}

/** An account and what it did in each order. */
export function account_record(all, provider) {
  const work = all.flatMap((o) => o.rounds.flatMap((round) => round.members.filter((m) => m.account === provider.account).map((m) => ({
    order: o.id, program: o.program, model: o.model, order_state: o.state, placed_at: o.placed_at, settled_at: o.settled_at, role: round.role,
    state: m.state, verdict: m.verdict, reason: m.reason, price: m.price, paid: m.paid, slashed: m.slashed,
  }))));
  return {
    account: provider.account, owner: address("owner", provider.account), operator: provider.operator, payout: address("payout", provider.account),
    balance: wei(12.5), provider, work: work.sort((a, b) => Number(b.order) - Number(a.order)), next: null,
  };
}

/** What orders of a model came to. */
export function model_record(all, program) {
  const of = (check) => all.filter((o) => o.program === program && o.check === check);
  return { checks: ["quorum", "optimistic"].filter((check) => of(check).length).map((check) => ({ check, ...check_record(of(check)) })) };
}

function check_record(all) {
  const settled = all.filter((o) => o.state === "settled");
  const ended = { refunded: 0, disputed: settled.filter((o) => o.slashed !== "0").length };
  if (!settled.length) return { settled: 0, ...ended, median_ms: null, slow_ms: null, mean_cost: null };
  const times = settled.map((o) => o.settled_at - o.placed_at).sort((a, b) => a - b);
  return { settled: settled.length, ...ended, median_ms: times[times.length >> 1], slow_ms: times.at(-1), mean_cost: (sum(settled.map((o) => o.paid)) / BigInt(settled.length)).toString() };
}

/** A grey PNG of 28 by 28 with a seven drawn in it. */
export function picture() {
  const size = 28;
  const rows = [];
  for (let y = 0; y < size; y += 1) {
    const row = Buffer.alloc(size + 1);
    for (let x = 0; x < size; x += 1) {
      const bar = Math.max(Math.abs(y - 7) - 1, x < 8 ? 8 - x : 0, x > 20 ? x - 20 : 0);
      const stem = y >= 7 && y <= 23 ? Math.abs(x - (19.5 - (y - 7) * 0.5)) - 1 : 9;
      row[x + 1] = Math.round(255 * Math.max(0, Math.min(1, 1.4 - Math.min(bar, stem))));
    }
    rows.push(row);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header[8] = 8;
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", header), chunk("IDAT", deflateSync(Buffer.concat(rows))), chunk("IEND", Buffer.alloc(0))]);
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

function crc32(data) {
  let crc = ~0;
  for (const byte of data) {
    crc ^= byte;
    for (let i = 0; i < 8; i += 1) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}

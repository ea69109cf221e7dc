import { describe, expect, it } from "vitest";
import { decodeFunctionData, parseAbi } from "viem/utils";
import { connect, deposit, type Step, switch_chain, told } from "./money";
import { type Ethereum, wallet_of } from "./wallets";

const who = "0x00000000000000000000000000000000000000aa";
const ledger = { chain_id: 31337, token: "0x0000000000000000000000000000000000000001", registry: "0x0000000000000000000000000000000000000002" };
const word = (value: bigint) => `0x${value.toString(16).padStart(64, "0")}`;
const kAbi = parseAbi(["function approve(address spender, uint256 amount)", "function deposit(uint32 account, uint128 amount)"]);

/** A wallet on a chain: what it was asked to send, and what it answers. */
function wallet({ held = 100n, allowance = 0n, chain = 31337, status = "0x1" } = {}) {
  const sent: { to: string; data: `0x${string}` }[] = [];
  const asked: string[] = [];
  const ethereum: Ethereum = {
    request({ method, params }) {
      asked.push(method);
      const [first] = (params ?? []) as [{ to: string; data: `0x${string}` }];
      const answers: Record<string, () => unknown> = {
        eth_requestAccounts: () => [who],
        eth_chainId: () => `0x${chain.toString(16)}`,
        eth_call: () => word(first.data.startsWith("0x70a08231") ? held : allowance),
        eth_sendTransaction: () => (sent.push(first), "0xabc"),
        eth_getTransactionReceipt: () => ({ status }),
        wallet_switchEthereumChain: () => Promise.reject(Object.assign(new Error("unknown"), { code: 4902 })),
        wallet_addEthereumChain: () => null,
      };
      return Promise.resolve(answers[method]?.());
    },
  };
  return { ethereum, sent, asked };
}

describe("deposit", () => {
  it("allows exactly the amount, then deposits it into the account", async () => {
    const { ethereum, sent } = wallet();
    const steps: Step[] = [];
    await deposit(ethereum, ledger, who, 7, 60n, (step) => steps.push(step));
    expect(steps).toEqual(["checking", "allow", "allowing", "send", "sending", "done"]);
    expect(sent.map((tx) => tx.to)).toEqual([ledger.token, ledger.registry]);
    const [allow, move] = sent.map((tx) => decodeFunctionData({ abi: kAbi, data: tx.data }).args.map(String));
    expect(allow).toEqual([ledger.registry, "60"]);
    expect(move).toEqual(["7", "60"]);
  });
  it("asks once where enough is allowed", async () => {
    const { ethereum, sent } = wallet({ allowance: 60n });
    await deposit(ethereum, ledger, who, 7, 60n, () => undefined);
    expect(sent.map((tx) => tx.to)).toEqual([ledger.registry]);
  });
  it.each([
    ["the wallet is on another chain", { chain: 1 }, /another chain/],
    ["it holds too little", { held: 59n }, /fewer tokens/],
  ])("sends nothing when %s", async (_, state, message) => {
    const { ethereum, sent } = wallet(state);
    await expect(deposit(ethereum, ledger, who, 7, 60n, () => undefined)).rejects.toThrow(message);
    expect(sent).toEqual([]);
  });
  it("says when the ledger refuses", async () => {
    const { ethereum } = wallet({ status: "0x0" });
    await expect(deposit(ethereum, ledger, who, 7, 60n, () => undefined)).rejects.toThrow(/refused/);
  });
});

it("adds a chain that the wallet does not know", async () => {
  const { ethereum, asked } = wallet();
  await switch_chain(ethereum, 31337, "http://127.0.0.1:7071");
  expect(asked).toEqual(["wallet_switchEthereumChain", "wallet_addEthereumChain"]);
});

it("gives the address that the person chose", async () => expect(await connect(wallet().ethereum)).toBe(who));

it("says when the person declined", () => {
  expect(told({ code: 4001, message: "User rejected" })).toMatch(/declined/);
  expect(told({ message: "x".repeat(900) }).length).toBe(300);
  expect(told(null)).toMatch(/did not say/);
});

describe("wallet_of", () => {
  const provider = { request: () => Promise.resolve(null) };
  it("reads an announcement", () => {
    expect(wallet_of({ info: { uuid: "u", name: "W", icon: "data:image/png;base64,AA" }, provider })).toMatchObject({ id: "u", name: "W", icon: "data:image/png;base64,AA" });
  });
  it("shows no picture from elsewhere", () => expect(wallet_of({ info: { uuid: "u", name: "W", icon: "https://x/y.png" }, provider })?.icon).toBe(""));
  it.each([[null], [{}], [{ info: { uuid: "u", name: "W" } }], [{ info: { uuid: 1, name: "W" }, provider }]])("refuses %o", (detail) => expect(wallet_of(detail)).toBeNull());
});

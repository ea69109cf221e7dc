import { decodeFunctionResult, encodeFunctionData, parseAbi } from "viem/utils";
import type { Ethereum } from "./wallets";

/** What the page needs to know of the market's ledger. */
export interface Ledger {
  chain_id: number;
  token: string;
  registry: string;
}

const kAbi = parseAbi([
  "function balanceOf(address who) view returns (uint256)",
  "function allowance(address owner, address spender) view returns (uint256)",
  "function approve(address spender, uint256 amount) returns (bool)",
  "function deposit(uint32 account, uint128 amount)",
]);

type Hex = `0x${string}`;
const hex = (value: number | bigint): Hex => `0x${value.toString(16)}`;

/** What a wallet says when a person pressed "reject" (EIP-1193). */
const kRejected = 4001;
/** What it says of a chain that it does not know. */
const kUnknownChain = 4902;

/** An error in words for people. */
export function told(failure: unknown): string {
  const { code, message } = (failure ?? {}) as { code?: unknown; message?: unknown };
  if (code === kRejected) return "You declined it in the wallet. Nothing was sent.";
  return typeof message === "string" && message ? message.slice(0, 300) : "The wallet did not say what went wrong.";
}

/** Asks the person for an address. Returns the first. */
export async function connect(ethereum: Ethereum): Promise<Hex> {
  const accounts = (await ethereum.request({ method: "eth_requestAccounts" })) as unknown[];
  const [first] = accounts;
  if (typeof first !== "string" || !/^0x[0-9a-fA-F]{40}$/.test(first)) throw new Error("The wallet gave no address.");
  return first as Hex;
}

export async function chain_of(ethereum: Ethereum): Promise<number> {
  return Number(await ethereum.request({ method: "eth_chainId" }));
}

/** Moves the wallet to the market's chain; one that it does not know is added with `rpc_url`. */
export async function switch_chain(ethereum: Ethereum, chain_id: number, rpc_url: string): Promise<void> {
  const chainId = hex(chain_id);
  try {
    await ethereum.request({ method: "wallet_switchEthereumChain", params: [{ chainId }] });
  } catch (failure) {
    if ((failure as { code?: unknown }).code !== kUnknownChain) throw failure;
    const chain = { chainId, chainName: `Koinon ledger ${chain_id}`, rpcUrls: [rpc_url], nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 } };
    await ethereum.request({ method: "wallet_addEthereumChain", params: [chain] });
  }
}

/** Tokens that an address holds in its wallet, wei. */
export async function tokens_of(ethereum: Ethereum, ledger: Ledger, who: Hex): Promise<bigint> {
  const data = encodeFunctionData({ abi: kAbi, functionName: "balanceOf", args: [who] });
  const answer = (await ethereum.request({ method: "eth_call", params: [{ to: ledger.token, data }, "latest"] })) as Hex;
  return decodeFunctionResult({ abi: kAbi, functionName: "balanceOf", data: answer });
}

/** Steps of a deposit, for whoever waits. */
export type Step = "checking" | "allow" | "allowing" | "send" | "sending" | "done";

/** Moves `wei` of the wallet's tokens into the free balance of `account`: an allowance of exactly that much where needed, then the deposit. */
export async function deposit(ethereum: Ethereum, ledger: Ledger, who: Hex, account: number, wei: bigint, step: (step: Step) => void): Promise<void> {
  step("checking");
  if ((await chain_of(ethereum)) !== ledger.chain_id) throw new Error("The wallet is on another chain.");
  const held = await tokens_of(ethereum, ledger, who);
  if (held < wei) throw new Error("The wallet holds fewer tokens than that.");
  if ((await allowed(ethereum, ledger, who)) < wei) {
    step("allow");
    const data = encodeFunctionData({ abi: kAbi, functionName: "approve", args: [ledger.registry as Hex, wei] });
    await send(ethereum, who, ledger.token, data, () => step("allowing"));
  }
  step("send");
  const data = encodeFunctionData({ abi: kAbi, functionName: "deposit", args: [account, wei] });
  await send(ethereum, who, ledger.registry, data, () => step("sending"));
  step("done");
}

async function allowed(ethereum: Ethereum, ledger: Ledger, who: Hex): Promise<bigint> {
  const data = encodeFunctionData({ abi: kAbi, functionName: "allowance", args: [who, ledger.registry as Hex] });
  const answer = (await ethereum.request({ method: "eth_call", params: [{ to: ledger.token, data }, "latest"] })) as Hex;
  return decodeFunctionResult({ abi: kAbi, functionName: "allowance", data: answer });
}

const kLookMs = 1_000;
const kPatienceMs = 180_000;

/** Sends a transaction and waits until the ledger holds it. Throws when it reverts or takes too long. */
async function send(ethereum: Ethereum, from: Hex, to: string, data: Hex, sent: () => void): Promise<void> {
  const hash = (await ethereum.request({ method: "eth_sendTransaction", params: [{ from, to, data, value: "0x0" }] })) as string;
  sent();
  const end = Date.now() + kPatienceMs;
  while (Date.now() < end) {
    const receipt = (await ethereum.request({ method: "eth_getTransactionReceipt", params: [hash] })) as { status?: string } | null;
    if (receipt?.status === "0x1") return;
    if (receipt?.status) throw new Error(`The ledger refused transaction ${hash}.`);
    await new Promise((done) => setTimeout(done, kLookMs));
  }
  throw new Error(`Transaction ${hash} is not in a block yet. It may still come: look at the wallet.`);
}

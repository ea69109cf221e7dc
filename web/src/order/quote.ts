import { parseUnits } from "viem/utils";
import type { ApiError } from "../api/client";
import type { Provider, Quote } from "../api/types";

/** Reads an amount of tokens as people write it ("0.002", "1 000", "0,5") into wei; null for anything else or below one wei. */
export function wei_of(text: string, decimals: number): string | null {
  const plain = text.replace(/[\s\u202f_]/g, "").replace(",", ".");
  if (!/^(\d{1,40}(\.\d*)?|\.\d+)$/.test(plain)) return null;
  const fraction = plain.split(".")[1] ?? "";
  if (fraction.length > decimals && /[1-9]/.test(fraction.slice(decimals))) return null;
  const wei = parseUnits(plain, decimals);
  return wei > 0n ? wei.toString() : null;
}

/** A maximum that admits nine of ten active offers, and at least `n` of them; null when nobody sells. */
export function fair_price(providers: readonly Provider[], n: number): string | null {
  const prices = providers
    .filter((provider) => provider.active && provider.price !== null)
    .map((provider) => BigInt(provider.price ?? "0"))
    .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const index = Math.max(Math.ceil(prices.length * 0.9), n) - 1;
  return prices[Math.min(index, prices.length - 1)]?.toString() ?? null;
}

/** The most seconds from placing to paid when nobody disagrees and no audit is held: every phase to its last second. */
export function longest_seconds(quote: Quote, commit_window: number): number {
  const { draw, input, reveal, appeal } = quote.windows;
  return draw + input + commit_window + reveal + appeal;
}

/** The fee within `wei` of payments. */
export function fee_of(wei: string, fee_bps: number): string {
  return ((BigInt(wei) * BigInt(fee_bps)) / 10_000n).toString();
}

/** What is left of the escrow when the order costs what is expected. */
export function back_of(quote: Quote): string {
  const back = BigInt(quote.escrow) - BigInt(quote.expected);
  return (back > 0n ? back : 0n).toString();
}

/** What to do about an error of placing an order; the node's own words are shown beside it. */
export function advice(error: ApiError): string {
  if (error.unreachable) return "The order may stand all the same: look at the list of orders. Pressing the button again places it once.";
  if (error.unauthorised) return "The token was not taken: sign in again.";
  switch (error.code) {
    case "exhausted":
      return "Raise the most you pay for a run, ask fewer providers, or wait until more of them are free.";
    case "conflict":
      return "Put more into the account first, or lower the most you pay for a run.";
    case "invalid_argument":
    case "malformed":
      return "The input does not fit the model: see what the model takes.";
    case "timeout":
    case "ledger":
    case "network":
      return "The ledger did not take it in time. It may still: look at the list of orders before you place another.";
    default:
      return "Nothing was paid.";
  }
}

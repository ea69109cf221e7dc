import { formatUnits } from "viem/utils";
import type { History } from "../api/types";

export type Sum = "paid" | "slashed" | "burned" | "earned" | "lost" | "spent";
export type Count = "orders" | "settled" | "refunded";

/** The end of each step, seconds since 1970. */
export function times_of(history: History): number[] {
  return history.points.map((_, i) => (history.from + (i + 1) * history.step_ms) / 1000);
}

/** Sums from the first step to each: exact in wei, then as tokens for drawing. */
export function running(history: History, key: Sum, decimals: number): number[] {
  let total = 0n;
  return history.points.map((point) => {
    total += BigInt(point[key]);
    return Number(formatUnits(total, decimals));
  });
}

/** The whole, in wei. */
export function total_of(history: History, key: Sum): string {
  return history.points.reduce((sum, point) => sum + BigInt(point[key]), 0n).toString();
}

export function counts_of(history: History, key: Count): number[] {
  return history.points.map((point) => point[key]);
}

import { expect, it } from "vitest";
import type { History } from "../api/types";
import { counts_of, running, times_of, total_of } from "./history";

const point = (paid: string, orders = 0) => ({ orders, settled: 0, refunded: 0, paid, slashed: "0", burned: "0", earned: "0", lost: "0", spent: "0" });
const history: History = { from: 10_000, step_ms: 500, points: [point("1000000000000000000", 2), point("0"), point("500000000000000001", 1)] };

it("gives each step its end", () => expect(times_of(history)).toEqual([10.5, 11, 11.5]));
it("adds up exactly and draws as tokens", () => {
  expect(running(history, "paid", 18)).toEqual([1, 1, 1.5]);
  expect(total_of(history, "paid")).toBe("1500000000000000001");
});
it("keeps counts as they are", () => expect(counts_of(history, "orders")).toEqual([2, 0, 1]));

import { describe, expect, it } from "vitest";
import { ApiError } from "../api/client";
import type { Provider, Quote } from "../api/types";
import { advice, back_of, fair_price, fee_of, longest_seconds, wei_of } from "./quote";

describe("wei_of", () => {
  it.each([
    ["0.002", "2000000000000000"],
    ["1", "1000000000000000000"],
    ["0,5", "500000000000000000"],
    [" 1 000.25 ", "1000250000000000000000"],
    [".000000000000000001", "1"],
    ["1.0000000000000000000", "1000000000000000000"],
  ])("reads %s", (text, wei) => expect(wei_of(text, 18)).toBe(wei));
  it.each([[""], ["0"], ["-1"], ["1e3"], ["0x10"], ["1.2.3"], ["ten"], ["."], [".0000000000000000001"], ["9".repeat(41)]])("refuses %s", (text) =>
    expect(wei_of(text, 18)).toBeNull(),
  );
  it("is exact where a double is not", () => expect(wei_of("9007199254.740993", 6)).toBe("9007199254740993"));
});

const seller = (price: string | null, active = true) => ({ price, active }) as Provider;

describe("fair_price", () => {
  it("leaves out the dearest tenth, but never too many", () => {
    const ten = Array.from({ length: 10 }, (_, i) => seller(String(i + 1)));
    expect(fair_price(ten, 3)).toBe("9");
    expect(fair_price([seller("5"), seller("1"), seller("900")], 3)).toBe("900");
  });
  it("knows none when nobody sells", () => {
    expect(fair_price([], 3)).toBeNull();
    expect(fair_price([seller(null), seller("4", false)], 3)).toBeNull();
  });
});

const quote = { escrow: "430", expected: "300", windows: { draw: 60, input: 30, reveal: 30, appeal: 10 } } as Quote;

it("adds up the phases", () => expect(longest_seconds(quote, 120)).toBe(250));
it("says what comes back, never less than nothing", () => {
  expect(back_of(quote)).toBe("130");
  expect(back_of({ ...quote, expected: "999" })).toBe("0");
});
it("rounds the fee down", () => expect(fee_of("199", 100)).toBe("1"));

it("tells what to do about each error", () => {
  const codes = ["exhausted", "conflict", "malformed", "timeout", "internal"].map((code) => advice(new ApiError(400, code, "")));
  expect(new Set(codes).size).toBe(5);
  expect(advice(new ApiError(0, "network", ""))).toMatch(/may stand/);
  expect(advice(new ApiError(401, "unauthorised", ""))).toMatch(/sign in/);
});

import { describe, expect, it } from "vitest";
import { about_tokens, ago, bytes, long_span, percent, seconds_of, share, short_hex, tokens } from "./format";

describe("tokens", () => {
  it.each([
    ["0", "0"],
    ["1", "0.000000000000000001"],
    ["1189207115002721", "0.001189207…"],
    ["7705600000000000", "0.0077056"],
    ["1048576000000000000", "1.048576"],
    ["10500000000000000", "0.0105"],
    ["1000000000000000000", "1"],
    ["12345678900000000000", "12.34567…"],
    ["1234567890000000000000", "1\u202f234.567…"],
    ["123456789012345678901234567", "123\u202f456\u202f789.01…"],
  ])("writes %s wei as %s", (wei, text) => expect(tokens(wei, 18)).toBe(text));
  it("never rounds", () => expect(tokens("999999999999999999", 18)).toBe("0.9999999…"));
  it("takes the decimals of the token", () => expect(tokens("1500000", 6)).toBe("1.5"));
  it("holds the largest amount", () => expect(tokens(((1n << 256n) - 1n).toString(), 0)).toMatch(/^115\u202f792\u202f089/));
});

describe("about_tokens", () => {
  it.each([
    ["0", "0"],
    ["7705000000000000", "0.007705"],
    ["1755428571428571", "≈ 0.001755"],
    ["2389500000000000001", "≈ 2.39"],
    ["9999999", "≈ 0.00000000001"],
  ])("writes %s wei as %s", (wei, text) => expect(about_tokens(wei, 18)).toBe(text));
});

describe("ago", () => {
  it.each([
    [-5_000, "now"],
    [900, "now"],
    [59_999, "59 s ago"],
    [60_000, "1 min ago"],
    [3_600_000, "1 h ago"],
    [200_000_000, "2 d ago"],
  ])("%d ms is %s", (ms, text) => expect(ago(1_000_000_000_000 - ms, 1_000_000_000_000)).toBe(text));
});

describe("percent", () => {
  it.each([
    [0, "0 %"],
    [0.0004, "< 0.1 %"],
    [0.004, "0.4 %"],
    [0.931, "93 %"],
    [0.07, "7 %"],
    [0.9999, "99.9 %"],
    [1 - Number.EPSILON, "99.9 %"],
    [1, "100 %"],
  ])("%d is %s", (value, text) => expect(percent(value)).toBe(text));
});

it("shortens hashes and leaves short ones whole", () => {
  expect(short_hex("0x" + "ab".repeat(32))).toBe("0xabab…abab");
  expect(short_hex("0x1234")).toBe("0x1234");
});

it("writes bytes in binary units", () => {
  expect([bytes(812), bytes(1536), bytes(44_040_192)]).toEqual(["812 B", "1.5 KiB", "42 MiB"]);
});

it("shares amounts beyond 2^53 and of nothing", () => {
  expect(share("250000000000000000000", "1000000000000000000000")).toBe(0.25);
  expect(share("0", "0")).toBe(0);
});

it.each([
  [0, "< 1 s"],
  [999, "< 1 s"],
  [1_000, "1 s"],
  [61_000, "1 min 1 s"],
])("writes %i ms as %s", (ms, text) => expect(seconds_of(ms)).toBe(text));

it.each([
  [0, "0 s"],
  [45, "45 s"],
  [250, "4 min 10 s"],
  [7_200, "2 h"],
  [90_061, "1 d 1 h"],
])("writes %i seconds as %s", (seconds, text) => expect(long_span(seconds)).toBe(text));

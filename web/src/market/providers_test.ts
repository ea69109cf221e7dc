import { expect, it } from "vitest";
import type { Provider } from "../api/types";
import { sorted, weight_share } from "./providers";

const provider = (account: number, news: Partial<Provider>) =>
  ({ account, price: "5", stake: "0", weight: 0, earned: "0", slashed: "0", accepted: 0, active: true, ...news }) as Provider;
const all = [
  provider(1, { stake: "9007199254740993", weight: 30 }),
  provider(2, { stake: "9007199254740992", weight: 60, price: "4" }),
  provider(3, { price: null, weight: 10, active: false }),
  provider(4, { weight: 10 }),
];

it("sorts money exactly, highest first, ties by account", () => {
  expect(sorted(all, "stake").map((p) => p.account)).toEqual([1, 2, 3, 4]);
});

it("sorts prices lowest first and accounts without an offer last", () => {
  expect(sorted(all, "price").map((p) => p.account)).toEqual([2, 1, 4, 3]);
});

it("gives chances only to those that can be drawn", () => {
  expect(all.map((p) => weight_share(p, all))).toEqual([0.3, 0.6, 0, 0.1]);
  expect(weight_share(provider(1, {}), [])).toBe(0);
});

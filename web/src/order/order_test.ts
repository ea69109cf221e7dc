import { describe, expect, it } from "vitest";
import type { Member, Order, OrderState, OrderSummary, Round } from "../api/types";
import { merge } from "./list";
import { best, class_scores, shown_scores } from "./scores";
import { is_final, kStages, stage_names, state_view } from "./stages";
import { story } from "./story";

const summary = (id: string, placed_at: number, paid = "0") => ({ id, placed_at, paid }) as OrderSummary;

describe("merge", () => {
  it("replaces, adds and sorts newest first", () => {
    const merged = merge([summary("2", 20), summary("1", 10)], [summary("1", 10, "5"), summary("10", 20), summary("3", 30)]);
    expect(merged.map((o) => `${o.id}:${o.paid}`)).toEqual(["3:0", "10:0", "2:0", "1:5"]);
  });
});

const output = (data: number[] | null, shape = [1, data?.length ?? 1]) => ({ name: "scores", shape, data, labels: null });

describe("class_scores", () => {
  it("turns scores into shares that add up to one", () => {
    const scores = class_scores(output([1, 3, 2]));
    expect(scores?.reduce((sum, s) => sum + s.share, 0)).toBeCloseTo(1, 12);
    expect(scores?.[1]?.share).toBeCloseTo(0.6652, 4);
  });
  it("keeps probabilities as they are", () => {
    expect(class_scores(output([0.25, 0.75]))?.map((s) => s.share)).toEqual([0.25, 0.75]);
  });
  it("does not overflow on large scores, and is never certain of one", () => {
    const top = class_scores(output([1e6, 0]))?.[0]?.share;
    expect(top).toBeCloseTo(1, 12);
    expect(top).toBeLessThan(1);
    expect(class_scores(output([1, 0]))?.[0]?.share).toBe(1);
  });
  it("uses the labels of the card", () => {
    expect(class_scores({ ...output([1, 2]), labels: ["cat", "dog"] })?.[1]?.label).toBe("dog");
  });
  it.each([[output(null)], [output([1])], [output([1, 2, 3, 4], [2, 2])], [output([Number.NaN, 1])]])("has none for %o", (value) => {
    expect(class_scores(value)).toBeNull();
  });
  it("gives ties to the lowest index", () => {
    expect(best(class_scores(output([1, 4, 4])) ?? [])?.index).toBe(1);
  });
  it("shows the highest of many classes, best first", () => {
    const scores = class_scores(output(Array.from({ length: 50 }, (_, i) => (i * 7) % 50))) ?? [];
    expect(shown_scores(scores, 3).map((s) => s.value)).toEqual([49, 48, 47]);
  });
});

describe("stages", () => {
  const states: OrderState[] = ["drawing", "input", "committing", "revealing", "auditing", "jury", "standing", "settled", "refunded"];
  it("never go back along an order's life", () => {
    const done = states.filter((s) => s !== "refunded").map((s) => state_view(s).done);
    expect(done).toEqual([...done].sort((a, b) => a - b));
  });
  it("are all done exactly in the final states", () => {
    for (const state of states) expect(state_view(state).done === kStages.length).toBe(is_final(state));
  });
  it("say refunded instead of paid", () => expect(stage_names("refunded").slice(-1)).toEqual(["Refunded"]));
  it("show a state that this page does not know", () => expect(state_view("paused" as OrderState).label).toBe("paused"));
});

const member = (account: number, news: Partial<Member>): Member =>
  ({ account, state: "revealed", verdict: "accepted", paid: "10", slashed: "0", ...news }) as Member;
const round = (role: Round["role"], members: Member[]): Round => ({ role, seed: null, drawn_at: null, appealed: false, lapsed: false, members });
const order = (state: OrderState, rounds: Round[], news: Partial<Order> = {}) =>
  ({ state, verdict: "accepted", policy: { check: "quorum" }, rounds, money: { paid: "20" }, ...news }) as Order;
const amount = (wei: string) => `${wei} wei`;

describe("story", () => {
  it("tells of a cheat and an audit", () => {
    const text = story(
      order("settled", [
        round("quorum", [member(1, {}), member(2, { verdict: "rejected", paid: "0", slashed: "70" }), member(3, {})]),
        round("audit", [member(5, {})]),
      ]),
      amount,
    );
    expect(text).toBe(
      "3 providers were drawn at random. 2 gave the same result, bit for bit. 1 claimed another result and lost 70 wei of stake. " +
        "Provider 5 audited it and found the same. The providers were paid 20 wei in all.",
    );
  });
  it("tells of silence and a jury", () => {
    const text = story(
      order("jury", [
        round("quorum", [member(1, { verdict: null }), member(2, { state: "silent", verdict: null, slashed: "9" })]),
        round("jury", [member(6, { verdict: null, state: "drawn" }), member(7, { verdict: null, state: "drawn" })]),
      ]),
      amount,
    );
    expect(text).toContain("1 fell silent and lost 9 wei of stake.");
    expect(text).toContain("A jury of 2 jurors was drawn.");
  });
  it("tells why money went back", () => {
    expect(story(order("refunded", [], { verdict: "undecided", refund_reason: "undecided" }), amount)).toBe("No result had enough support, so the buyer got the money back.");
    expect(story(order("refunded", [], { verdict: null, refund_reason: "no_input" }), amount)).toMatch(/never sent the input/);
    expect(story(order("refunded", [], { verdict: null }), amount)).toMatch(/ended without a result/);
  });
  it("tells what is waited for", () => {
    expect(story(order("drawing", [], { verdict: null }), amount)).toMatch(/^Waiting for the block/);
  });
});

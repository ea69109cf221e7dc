import type { OrderState } from "../api/types";

/** What an order goes through, in order. `reached` is the first stage number of each state. */
export const kStages = ["Drawn", "Input sent", "Committed", "Revealed", "Checked", "Verdict", "Paid"] as const;

export type Tone = "idle" | "busy" | "good" | "bad" | "warn";

interface StateView {
  label: string;
  /** Stages that are behind the order. */
  done: number;
  tone: Tone;
  /** One sentence on what happens now. */
  text: string;
}

const kStates: Record<OrderState, StateView> = {
  drawing: { label: "Drawing", done: 0, tone: "busy", text: "Waiting for the block whose randomness draws the providers." },
  input: { label: "Sending input", done: 1, tone: "busy", text: "The buyer sends the encrypted input to the providers drawn." },
  committing: { label: "Running", done: 2, tone: "busy", text: "The providers run the program and commit to what they found." },
  revealing: { label: "Revealing", done: 3, tone: "busy", text: "The providers open what they committed to." },
  auditing: { label: "Auditing", done: 4, tone: "busy", text: "Chance decides on an audit; if it is due, one more provider re-runs the order." },
  jury: { label: "Jury", done: 4, tone: "warn", text: "A fresh, larger group of providers re-runs the order and decides." },
  standing: { label: "Verdict stands", done: 6, tone: "busy", text: "A verdict stands. It may still be appealed, then it is paid." },
  settled: { label: "Settled", done: 7, tone: "good", text: "Settled: everybody has been paid, and the order is final." },
  refunded: { label: "Refunded", done: 7, tone: "idle", text: "Refunded: no result was accepted, and the buyer has the money back." },
};

/** How a state is shown. A state of a newer node is shown by its name. */
export function state_view(state: OrderState): StateView {
  return kStates[state] ?? { label: state, done: 0, tone: "idle", text: "" };
}

/** True in states that never change again. */
export function is_final(state: OrderState): boolean {
  return state === "settled" || state === "refunded";
}

/** The names of the stages of an order that ended, or will end, in `state`. */
export function stage_names(state: OrderState): string[] {
  return state === "refunded" ? [...kStages.slice(0, -1), "Refunded"] : [...kStages];
}

import type { Model, NewOrder } from "../api/types";
import type { Draft } from "./input";

/** What the node takes for a language model. */
export type NewText = Extract<NewOrder["input"], { text: unknown }>["text"];
export type Language = NonNullable<Model["language"]>;

/** A text to order, as it is typed. */
export interface PromptForm {
  prompt: string;
  tokens: string;
  /** Tokens are drawn by chance, instead of the most likely one each time. */
  drawn: boolean;
  temperature: string;
  top_k: string;
  top_p: string;
  seed: string;
  past_end: boolean;
}

const kMostPrompt = 1 << 20;
const kMostSeed = 1000;
const kMostLabel = 60;

/** The form before anybody typed: half of what the model has room for, 64 tokens at most. */
export function new_form(language: Language): PromptForm {
  const tokens = String(Math.max(1, Math.min(64, Math.floor(language.context / 2))));
  return { prompt: "", tokens, drawn: false, temperature: "0.8", top_k: "", top_p: "", seed: "", past_end: false };
}

export type Wrong = Partial<Record<keyof PromptForm, string>>;

/** What is wrong with a form, by field; nothing for a prompt that is still empty. */
export function wrong_of(form: PromptForm, language: Language): Wrong {
  const out: Wrong = {};
  if (new TextEncoder().encode(form.prompt).length > kMostPrompt) out.prompt = "A prompt has at most 1 MiB.";
  if (!within(form.tokens, 1, language.context, true)) out.tokens = `A whole number from 1 to ${language.context} is expected.`;
  if (!form.drawn) return out;
  if (!within(form.temperature, 1 / 256, 256)) out.temperature = "A number from 0.004 to 256 is expected.";
  if (form.top_k.trim() && !within(form.top_k, 1, language.candidates, true)) out.top_k = `1 to ${language.candidates}, or empty.`;
  if (form.top_p.trim() && !within(form.top_p, 0.001, 1)) out.top_p = "0.001 to 1, or empty.";
  if (form.seed.startsWith("0x") && !/^0x[0-9a-fA-F]{64}$/.test(form.seed)) out.seed = "Behind 0x, 64 hex digits are expected; any other text will do, too.";
  if (form.seed.length > kMostSeed) out.seed = `At most ${kMostSeed} characters.`;
  return out;
}

/** The order's input, or null when something is missing or wrong. */
export function read_prompt(form: PromptForm, language: Language): Draft | null {
  if (!form.prompt || Object.keys(wrong_of(form, language)).length) return null;
  const text: NewText = {
    prompt: form.prompt, tokens: Number(form.tokens), temperature: form.drawn ? real(form.temperature) : 0,
    top_k: form.drawn && form.top_k.trim() ? Number(form.top_k) : 0, top_p: form.drawn && form.top_p.trim() ? real(form.top_p) : 1,
    past_end: form.past_end, ...(form.drawn && form.seed ? { seed: form.seed } : {}),
  };
  return { input: { text }, label: [...form.prompt.replace(/\s+/g, " ").trim()].slice(0, kMostLabel).join("") || "a text" };
}

/** How tokens were chosen, from the numbers of TextOrder: "temperature 0.8, of the 30 most likely tokens, top-p 0.95". */
export function sampling_words(text: { coldness: number; top_k: number; top_p: number }): string {
  if (text.top_k === 1) return "always the most likely token";
  const short = (value: number) => String(Number(value.toPrecision(3)));
  const parts = [`temperature ${short(4096 / Math.max(text.coldness, 1))}`, `of the ${text.top_k} most likely tokens`];
  if (text.top_p < 65_536) parts.push(`top-p ${short(text.top_p / 65_536)}`);
  return parts.join(", ");
}

const real = (typed: string) => Number(typed.trim().replace(",", "."));

function within(typed: string, low: number, high: number, whole = false): boolean {
  const value = real(typed);
  return typed.trim() !== "" && value >= low && value <= high && (!whole || Number.isInteger(value));
}

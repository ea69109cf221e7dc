import { describe, expect, it } from "vitest";
import { type Language, new_form, type PromptForm, read_prompt, sampling_words, wrong_of } from "./prompt";

const language = { context: 128, vocabulary: 512, candidates: 256, chunk: 8, decode: "0x", prefill: null } as unknown as Language;
const typed = (change: Partial<PromptForm>) => ({ ...new_form(language), prompt: "Mira was", ...change });

describe("a prompt", () => {
  it("asks for the most likely tokens unless told otherwise", () =>
    expect(read_prompt(typed({ temperature: "7", seed: "x" }), language)).toEqual({
      input: { text: { prompt: "Mira was", tokens: 64, temperature: 0, top_k: 0, top_p: 1, past_end: false } }, label: "Mira was",
    }));

  it("tells how tokens are drawn", () =>
    expect(read_prompt(typed({ drawn: true, temperature: "0,8", top_k: "30", top_p: ".95", seed: "a seed", past_end: true, tokens: " 5 " }), language)?.input).toEqual({
      text: { prompt: "Mira was", tokens: 5, temperature: 0.8, top_k: 30, top_p: 0.95, past_end: true, seed: "a seed" },
    }));

  it("keeps its spaces and lines, and its label has one line of 60 characters", () => {
    const draft = read_prompt(typed({ prompt: ` a\n\nb ${"🦀".repeat(80)} ` }), language);
    expect((draft?.input as { text: { prompt: string } }).text.prompt).toBe(` a\n\nb ${"🦀".repeat(80)} `);
    expect(draft?.label).toBe(`a b ${"🦀".repeat(56)}`);
    expect(read_prompt(typed({ prompt: "\n" }), language)?.label).toBe("a text");
  });

  it("is nothing before it is typed", () => {
    expect(read_prompt(typed({ prompt: "" }), language)).toBeNull();
    expect(wrong_of(typed({ prompt: "" }), language)).toEqual({});
  });

  it.each<[keyof PromptForm, string]>([
    ["tokens", ""], ["tokens", "0"], ["tokens", "129"], ["tokens", "1.5"], ["tokens", "x"],
    ["temperature", ""], ["temperature", "0"], ["temperature", "257"], ["temperature", "hot"],
    ["top_k", "257"], ["top_k", "-1"], ["top_k", "2.5"], ["top_p", "0"], ["top_p", "1.1"], ["seed", "0x12"], ["seed", "s".repeat(1001)],
    ["prompt", "é".repeat(600_000)],
  ])("is refused for its %s %.10s", (field, value) => {
    const form = typed({ drawn: true, [field]: value });
    expect(Object.keys(wrong_of(form, language))).toEqual([field]);
    expect(read_prompt(form, language)).toBeNull();
  });

  it("begins with room for its answer", () => {
    expect(new_form({ ...language, context: 20 }).tokens).toBe("10");
    expect(new_form({ ...language, context: 1 }).tokens).toBe("1");
  });
});

describe("sampling_words", () => {
  it.each([
    [{ coldness: 4096, top_k: 1, top_p: 65_536 }, "always the most likely token"],
    [{ coldness: 5120, top_k: 30, top_p: 62_259 }, "temperature 0.8, of the 30 most likely tokens, top-p 0.95"],
    [{ coldness: 2731, top_k: 256, top_p: 65_536 }, "temperature 1.5, of the 256 most likely tokens"],
  ])("writes %j", (numbers, words) => expect(sampling_words(numbers)).toBe(words));
});

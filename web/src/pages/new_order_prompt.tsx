import { useEffect, useState } from "preact/hooks";
import type { Model, Preview } from "../api/types";
import type { Draft } from "../order/input";
import { type Language, new_form, type PromptForm, read_prompt, type Wrong, wrong_of } from "../order/prompt";
import { plural } from "../format";
import { Card } from "../ui/frame";
import { Field } from "../ui/form";
import { Term } from "../ui/text";
import { use_sight } from "./sight";

interface Props {
  model: Model & { language: Language };
  draft: Draft | null;
  set_draft: (draft: Draft | null) => void;
}

/** Takes a prompt for a language model, and how its tokens are chosen. */
export function PromptCard({ model, draft, set_draft }: Props) {
  const { language } = model;
  const [form, set_form] = useState(() => new_form(language));
  const set = (news: Partial<PromptForm>) => set_form((old) => ({ ...old, ...news }));
  useEffect(() => set_draft(read_prompt(form, language)), [form, language, set_draft]);
  const wrong = wrong_of(form, language);
  return (
    <Card title="2. Prompt" extra={<span class="aside">text of up to {plural(language.context, "token")}</span>}>
      <div class="give">
        <Field label="The beginning" error={wrong.prompt ?? null} hint="The model goes on where this ends: it continues a text, it does not answer questions.">
          {(ids) => <textarea {...ids} class="prose" rows={5} value={form.prompt} placeholder="Mira was selling" onInput={(event) => set({ prompt: event.currentTarget.value })} />}
        </Field>
        <Counted model={model} draft={draft} />
      </div>
      <div class="fields">
        <Field label={<Term word="token">Tokens to add</Term>} error={wrong.tokens ?? null} hint="At most; fewer when the text ends before.">
          {(ids) => <input {...ids} inputMode="numeric" value={form.tokens} onInput={(event) => set({ tokens: event.currentTarget.value })} />}
        </Field>
        <Chosen form={form} set={set} />
      </div>
      {form.drawn && <Sampling form={form} set={set} wrong={wrong} language={language} />}
      <label class="check">
        <input type="checkbox" checked={form.past_end} onChange={(event) => set({ past_end: event.currentTarget.checked })} /> Go on where the model would end the text
      </label>
    </Card>
  );
}

interface Part {
  form: PromptForm;
  set: (news: Partial<PromptForm>) => void;
}

function Chosen({ form, set }: Part) {
  return (
    <div class="field">
      <span id="chosen-label">Each next token</span>
      <div class="switch" role="group" aria-labelledby="chosen-label">
        {[false, true].map((drawn) => (
          <button key={String(drawn)} type="button" aria-pressed={form.drawn === drawn} onClick={() => set({ drawn })}>
            {drawn ? "Drawn by chance" : "The most likely"}
          </button>
        ))}
      </div>
      <p class="note">{form.drawn ? "By the draws of a seed that is part of the order: every provider makes the same ones." : "The same prompt gives the same text every time."}</p>
    </div>
  );
}

function Sampling({ form, set, wrong, language }: Part & { wrong: Wrong; language: Language }) {
  return (
    <div class="fields sampling">
      <Field label={<Term word="temperature">Temperature</Term>} error={wrong.temperature ?? null} hint="Below 1 surer, above 1 wilder.">
        {(ids) => <input {...ids} inputMode="decimal" value={form.temperature} onInput={(event) => set({ temperature: event.currentTarget.value })} />}
      </Field>
      <Field label={<Term word="top-k">Top-k</Term>} error={wrong.top_k ?? null} hint={`Empty: all ${language.candidates} that the model considers.`}>
        {(ids) => <input {...ids} inputMode="numeric" value={form.top_k} onInput={(event) => set({ top_k: event.currentTarget.value })} />}
      </Field>
      <Field label={<Term word="top-p">Top-p</Term>} error={wrong.top_p ?? null} hint="Such as 0.95; empty: no limit.">
        {(ids) => <input {...ids} inputMode="decimal" value={form.top_p} onInput={(event) => set({ top_p: event.currentTarget.value })} />}
      </Field>
      <Field label={<Term word="seed of a text">Seed</Term>} error={wrong.seed ?? null} hint="Any text; empty: one is made up, and the order tells it.">
        {(ids) => <input {...ids} spellcheck={false} autocomplete="off" value={form.seed} onInput={(event) => set({ seed: event.currentTarget.value })} />}
      </Field>
    </div>
  );
}

/** What the prompt is to the model, or why the node would refuse it. */
function Counted({ model, draft }: { model: Props["model"]; draft: Draft | null }) {
  const sight = use_sight(model.program, draft);
  return (
    <div class="seen" aria-live="polite">
      <h3>As the model sees it</h3>
      {!draft && <p class="hint">Nothing yet.</p>}
      {draft && !sight && <p class="hint">Counting …</p>}
      {draft && sight && "error" in sight && (
        <p class="bad" role="alert">
          {sight.error}
        </p>
      )}
      {draft && sight && "preview" in sight && <Count preview={sight.preview} context={model.language.context} />}
    </div>
  );
}

function Count({ preview, context }: { preview: Preview; context: number }) {
  return (
    <p class="hint">
      <strong class="count">{preview.values}</strong>
      {preview.values === 1 ? "token" : "tokens"} of prompt, room for {plural(context - preview.values + 1, "more", "more")}
    </p>
  );
}

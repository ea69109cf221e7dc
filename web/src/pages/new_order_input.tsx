import { useEffect, useRef, useState } from "preact/hooks";
import type { Model, Preview } from "../api/types";
import { type Draft, read_file, read_json } from "../order/input";
import { plural } from "../format";
import { Card } from "../ui/frame";
import { Button, Field } from "../ui/form";
import { ports } from "./models";
import { use_sight } from "./sight";

interface Props {
  model: Model;
  draft: Draft | null;
  set_draft: (draft: Draft | null) => void;
}

/** Takes a picture, an array or JSON, and shows what the model will see of it. */
export function InputCard({ model, draft, set_draft }: Props) {
  const [error, set_error] = useState<string | null>(null);
  const [json, set_json] = useState("");
  const take = async (read: () => Promise<Draft> | Draft) => {
    try {
      set_draft(await read());
      set_error(null);
    } catch (failure) {
      set_draft(null);
      set_error((failure as Error).message);
    }
  };
  const take_file = (file: File | null | undefined) => file && void take(() => read_file(file));
  use_pasted_files(take_file);
  return (
    <Card title="2. Input" extra={<span class="aside">takes {ports(model.inputs)}</span>}>
      <div class="give">
        <DropZone take={take_file} label={draft?.label ?? null} />
        <Seen model={model} draft={draft} />
      </div>
      {error && (
        <p class="notice bad" role="alert">
          {error}
        </p>
      )}
      <details class="paste">
        <summary>Or paste numbers as JSON</summary>
        <Field label="Numbers" hint={<>One list an input, in real units: <code>{'{"input_data": [[0, 0.5, 1]]}'}</code> or just a list.</>}>
          {(ids) => <textarea {...ids} rows={4} spellcheck={false} value={json} onInput={(event) => set_json(event.currentTarget.value)} />}
        </Field>
        <Button onClick={() => void take(() => read_json(json))} disabled={!json.trim()}>
          Use these numbers
        </Button>
      </details>
    </Card>
  );
}

/** Files pasted anywhere on the page, such as a picture from the clipboard. */
function use_pasted_files(take: (file: File | null | undefined) => unknown): void {
  const take_ref = useRef(take);
  take_ref.current = take;
  useEffect(() => {
    const pasted = (event: ClipboardEvent) => {
      const file = event.clipboardData?.files[0];
      if (!file) return;
      event.preventDefault();
      take_ref.current(file);
    };
    addEventListener("paste", pasted);
    return () => removeEventListener("paste", pasted);
  }, []);
}

function DropZone({ take, label }: { take: (file: File | null | undefined) => unknown; label: string | null }) {
  const [over, set_over] = useState(false);
  return (
    <label
      class={over ? "drop over" : "drop"}
      onDragOver={(event) => {
        event.preventDefault();
        set_over(true);
      }}
      onDragLeave={() => set_over(false)}
      onDrop={(event) => {
        event.preventDefault();
        set_over(false);
        take(event.dataTransfer?.files[0]);
      }}
    >
      <input
        type="file"
        accept="image/png,image/jpeg,.npy,.json,application/json"
        aria-label="Input file"
        onChange={(event) => {
          take(event.currentTarget.files?.[0]);
          event.currentTarget.value = ""; // so that the same file can be chosen again
        }}
      />
      <strong>{label ?? "Drop a picture or a file here"}</strong>
      <span>{label ? "Drop or choose another to replace it" : "or press to choose one: PNG, JPEG, .npy, .json. A picture can be pasted, too."}</span>
    </label>
  );
}

function Seen({ model, draft }: { model: Model; draft: Draft | null }) {
  const sight = use_sight(model.program, draft);
  return (
    <div class="seen" aria-live="polite">
      <h3>As the model sees it</h3>
      {!draft && <p class="hint">Nothing yet.</p>}
      {draft && !sight && <p class="hint">Looking …</p>}
      {sight && "error" in sight && (
        <p class="bad" role="alert">
          {sight.error}
        </p>
      )}
      {sight && "preview" in sight && <Sighting preview={sight.preview} />}
    </div>
  );
}

function Sighting({ preview }: { preview: Preview }) {
  return (
    <>
      {preview.picture && <img src={`data:image/png;base64,${preview.picture}`} alt="The input, scaled to what the model takes" width="168" height="168" />}
      <p class="hint">{plural(preview.values, "number")}</p>
      {preview.clamped > 0 && (
        <p class="warn" role="alert">
          {plural(preview.clamped, "number lies", "numbers lie")} outside of the range that the model was calibrated for and will count as its bound. Is the
          input in the right units?
        </p>
      )}
    </>
  );
}

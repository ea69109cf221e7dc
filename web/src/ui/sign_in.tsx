import { useState } from "preact/hooks";
import { ApiError } from "../api/client";
import { use_connection, use_hub } from "../api/hooks";
import { is_token } from "../api/session";
import { Card } from "./frame";
import { Field } from "./form";

/** Asks for the node's token. `why` says what it is needed for. */
export function SignIn({ why }: { why: string }) {
  const hub = use_hub();
  const { access } = use_connection();
  const [text, set_text] = useState("");
  const [busy, set_busy] = useState(false);
  const [error, set_error] = useState(access === "refused" ? "The node refused the token that this page had." : null);
  const enter = async () => {
    const token = text.trim().toLowerCase();
    if (!is_token(token)) return set_error("A token has 64 characters, 0 to 9 and a to f.");
    set_busy(true);
    try {
      await hub.sign_in(token);
    } catch (failure) {
      set_error(wrong(failure));
    }
    set_busy(false);
  };
  return (
    <Card title="Sign in" class="sign-in">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void enter();
        }}
      >
        <p>{why}</p>
        <Field
          label="Token of this node"
          error={error}
          hint={
            <>
              It is in the file <code>token</code> of the node's data folder, and <code>koinon up</code> prints it with the page's address. It stays in this
              tab.
            </>
          }
        >
          {(ids) => (
            <input {...ids} type="password" autocomplete="off" spellcheck={false} value={text} onInput={(event) => (set_text(event.currentTarget.value), set_error(null))} />
          )}
        </Field>
        <button type="submit" class="button primary" disabled={busy} aria-busy={busy}>
          {busy ? "Asking the node …" : "Sign in"}
        </button>
      </form>
    </Card>
  );
}

function wrong(failure: unknown): string {
  if (failure instanceof ApiError && failure.unauthorised) return "That is not the token of this node. Is it the right data folder?";
  return failure instanceof Error ? failure.message : String(failure);
}

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  label: ComponentChildren;
  hint?: ComponentChildren;
  error?: string | null | undefined;
  /** Gets the ids that tie the control to its label and notes. */
  children: (ids: { id: string; "aria-describedby": string; "aria-invalid": boolean }) => ComponentChildren;
}

/** A control with its label, a hint, and what is wrong with its value. */
export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  return (
    <div class={error ? "field wrong" : "field"}>
      <label for={id}>{label}</label>
      {children({ id, "aria-describedby": `${id}-note`, "aria-invalid": Boolean(error) })}
      <p class="note" id={`${id}-note`} role={error ? "alert" : undefined}>
        {error ?? hint}
      </p>
    </div>
  );
}

interface ButtonProps {
  onClick: () => void;
  disabled?: boolean;
  busy?: boolean;
  primary?: boolean;
  children: ComponentChildren;
}

/** A button; while `busy` it says so to screen readers and takes no second press. */
export function Button({ onClick, disabled = false, busy = false, primary = false, children }: ButtonProps) {
  return (
    <button type="button" class={primary ? "button primary" : "button"} disabled={disabled || busy} aria-busy={busy} onClick={onClick}>
      {children}
    </button>
  );
}

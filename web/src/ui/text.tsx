import type { ComponentChildren } from "preact";
import { useContext, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { getAddress } from "viem/utils";
import { StatusContext, use_now } from "../api/hooks";
import { about_tokens, ago, moment, short_hex, tokens } from "../format";
import { kGlossary, type Word } from "../glossary";

/** A word of the glossary, explained when pointed at, focused or tapped. */
export function Term({ word, children }: { word: Word; children?: ComponentChildren }) {
  const id = useId();
  const [open, set_open] = useState(false);
  const tip = useRef<HTMLSpanElement>(null);
  useLayoutEffect(() => {
    if (open && tip.current) keep_inside(tip.current);
  }, [open]);
  return (
    <span
      class={open ? "term open" : "term"}
      tabIndex={0}
      aria-describedby={id}
      onKeyDown={(event) => event.key === "Escape" && set_open(false)}
      onMouseEnter={() => set_open(true)}
      onMouseLeave={() => set_open(false)}
      onFocus={() => set_open(true)}
      onBlur={() => set_open(false)}
    >
      {children ?? word}
      <span class="tip" role="tooltip" ref={tip} id={id} hidden={!open}>
        {kGlossary[word]}
      </span>
    </span>
  );
}

const kMargin = 8;

/** Moves a box sideways until it is inside the window. */
function keep_inside(box: HTMLElement): void {
  box.style.translate = "0";
  const { left, right } = box.getBoundingClientRect();
  const over = right + kMargin - document.documentElement.clientWidth;
  const shift = over > 0 ? -over : Math.max(0, kMargin - left);
  box.style.translate = `${shift}px`;
}

/** Writes wei as tokens of this node's ledger. */
export function use_amount(): (wei: string) => string {
  const ledger = useContext(StatusContext)?.ledger;
  return (wei) => `${tokens(wei, ledger?.token_decimals ?? 18)} ${ledger?.token_symbol ?? ""}`.trim();
}

/** An amount of money, with the exact number of wei on pointing at it. */
export function Money({ wei, tone, unit = true, mean = false }: { wei: string; tone?: "good" | "bad" | undefined; unit?: boolean; mean?: boolean }) {
  const ledger = useContext(StatusContext)?.ledger;
  const zero = wei === "0";
  return (
    <span class={`money ${zero ? "zero" : (tone ?? "")}`} title={`${wei} wei`}>
      {(mean ? about_tokens : tokens)(wei, ledger?.token_decimals ?? 18)}
      {unit && <small> {ledger?.token_symbol ?? ""}</small>}
    </span>
  );
}

/** A time as "3 min ago", with the exact time on pointing at it. */
export function Ago({ at }: { at: number }) {
  const now = use_now();
  return (
    <time dateTime={new Date(at).toISOString()} title={moment(at)}>
      {ago(at, now)}
    </time>
  );
}

/** A shortened hash or address; pressing it copies the whole. `what` names it to screen readers. */
export function Hex({ value, what, address = false, ends = 4 }: { value: string; what: string; address?: boolean; ends?: number }) {
  const [copied, set_copied] = useState(false);
  const whole = address ? getAddress(value) : value;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(whole);
      set_copied(true);
      setTimeout(() => set_copied(false), 1500);
    } catch {
      prompt(what, whole);
    }
  };
  return (
    <button type="button" class="hex" title={whole} aria-label={`Copy ${what} ${short_hex(whole, ends)}`} onClick={() => void copy()}>
      <code>{copied ? "copied".padEnd(2 * ends + 3, "\u00a0") : short_hex(whole, ends)}</code>
    </button>
  );
}

/** A link to a provider or other account. */
export function AccountLink({ id }: { id: number }) {
  return <a href={`#/providers/${id}`}>#{id}</a>;
}

import { useContext, useRef, useState } from "preact/hooks";
import { ApiError } from "../api/client";
import { StatusContext, use_connection, use_hub, use_resource } from "../api/hooks";
import type { CheckRecord, Model, ModelRecord, NewOrder, Quote } from "../api/types";
import type { Draft } from "../order/input";
import { advice, back_of, fee_of, longest_seconds, wei_of } from "../order/quote";
import { bytes, long_span, percent, plural, seconds_of } from "../format";
import { Card } from "../ui/frame";
import { Button, Field } from "../ui/form";
import { Money, Term } from "../ui/text";
import { use_settled } from "./sight";

/** What the buyer chooses beside model and input. */
export interface OrderTerms {
  /** A quorum compares; or one provider claims, and anyone may dispute it or it must prove it. */
  check: "quorum" | "optimistic" | "proof";
  /** Of an optimistic order: this node runs it too, confirms a right claim and disputes a wrong one. */
  confirm: boolean;
  /** Of a quorum: the input leaves this node encrypted alone. */
  hidden: boolean;
  n: number;
  /** Tokens, as typed. */
  price: string;
  /** Whether a person typed the price. */
  typed: boolean;
  /** Percent, as typed. */
  audit: string;
  /** Seconds, as typed. */
  commit_window: string;
}

export const kTerms: OrderTerms = { check: "quorum", confirm: false, hidden: false, n: 3, price: "", typed: false, audit: "9", commit_window: "120" };

/** Whether one provider's claim is all that there is to compare. */
const is_alone = (terms: OrderTerms) => terms.check !== "quorum";

/** What the one provider's claim rests on, by check. */
const kAlone = { optimistic: "Optimistic", proof: "Proof" } as const;

function audit_bps(terms: OrderTerms): number | null {
  if (is_alone(terms)) return 0;
  const value = Number(terms.audit);
  return terms.audit.trim() !== "" && value >= 0 && value <= 100 ? Math.round(value * 100) : null;
}

function window_of(terms: OrderTerms): number | null {
  const value = Number(terms.commit_window);
  return Number.isInteger(value) && value >= 1 && value <= 86_400 ? value : null;
}

type SetTerms = (change: (old: OrderTerms) => OrderTerms) => void;

/** How the result is checked, and the most that is paid. */
export function TermsCard({ model, terms, set_terms }: { model: Model; terms: OrderTerms; set_terms: SetTerms }) {
  const status = useContext(StatusContext);
  const ledger = status?.ledger;
  const alone = (["optimistic", "proof"] as const).filter((check) => status?.offers.checks.includes(check) && model.policies.some((one) => one.check === check));
  const hides = (status?.offers.privacies.includes("private") ?? false) && !model.language && !is_alone(terms);
  const price_error = terms.price && ledger && !wei_of(terms.price, ledger.token_decimals) ? "An amount such as 0.002 is expected." : null;
  const set = (news: Partial<OrderTerms>) => set_terms((old) => ({ ...old, ...news }));
  return (
    <Card title="3. Check and price">
      <div class="field">
        <span id="quorum-label">
          <Term word="quorum">Quorum</Term>
        </span>
        <div class="switch" role="group" aria-labelledby="quorum-label">
          {[1, 3, 5].map((n) => (
            <button key={n} type="button" aria-pressed={!is_alone(terms) && terms.n === n} onClick={() => set({ n, check: "quorum" })}>
              {n === 1 ? "1 of 1" : `${(n + 1) / 2} of ${n}`}
            </button>
          ))}
          {alone.map((check) => (
            <button key={check} type="button" aria-pressed={terms.check === check} onClick={() => set({ n: 1, check })}>
              {kAlone[check]}
            </button>
          ))}
        </div>
        <p class="note" data-check-note>
          {terms.check === "proof" ? (
            "One provider proves its run in zero knowledge. This node checks the proof, and pays at once; without one nobody is paid."
          ) : terms.check === "optimistic" ? (
            <>
              <strong>Everybody sees the input.</strong> One provider runs it and puts its stake behind the result; until the window ends, anyone may run it again and{" "}
              <Term word="dispute">dispute</Term> it. What is proven wrong is paid back; what nobody runs again is believed.
            </>
          ) : terms.n === 1 ? "One provider runs it; nobody compares, unless chance decides on an audit." : `${terms.n} providers run it; ${(terms.n + 1) / 2} equal results make the verdict.`}
        </p>
        {hides && (
          <label class="check" data-hidden>
            <input type="checkbox" checked={terms.hidden} onChange={(event) => set({ hidden: event.currentTarget.checked })} /> Keep the input private
          </label>
        )}
        {hides && terms.hidden && <p class="note">Providers compute on ciphertexts; only this node reads the result.</p>}
        {terms.check === "optimistic" && (
          <label class="check">
            <input type="checkbox" checked={terms.confirm} onChange={(event) => set({ confirm: event.currentTarget.checked })} /> Run it on this node too: a right claim is paid at once, a wrong one disputed
          </label>
        )}
      </div>
      <Field label={`Most for one run${ledger ? ` (${ledger.token_symbol})` : ""}`} error={price_error} hint="Each provider gets its own price; this only decides who may be drawn.">
        {(ids) => <input {...ids} inputMode="decimal" value={terms.price} onInput={(event) => set({ price: event.currentTarget.value, typed: true })} />}
      </Field>
      <div class="fields">
        {!is_alone(terms) && <Field label="Audit (%)" error={audit_bps(terms) === null ? "0 to 100" : null} hint="Chance of one more run.">
          {(ids) => <input {...ids} inputMode="decimal" value={terms.audit} onInput={(event) => set({ audit: event.currentTarget.value })} />}
        </Field>}
        <Field label="Time to run (s)" error={window_of(terms) === null ? "1 to 86 400" : null} hint="Then a silent provider is slashed.">
          {(ids) => <input {...ids} inputMode="numeric" value={terms.commit_window} onInput={(event) => set({ commit_window: event.currentTarget.value })} />}
        </Field>
      </div>
    </Card>
  );
}

interface Pay {
  model: Model;
  draft: Draft | null;
  terms: OrderTerms;
}

/** The quote, and the button that pays. */
export function PayCard({ model, draft, terms }: Pay) {
  const status = useContext(StatusContext);
  const wei = use_settled(status ? wei_of(terms.price, status.ledger.token_decimals) : null);
  return (
    <Card title="4. Quote" class="quote">
      {wei ? <Quoted model={model} draft={draft} terms={terms} wei={wei} /> : <p class="hint">Say the most that you pay for one run.</p>}
    </Card>
  );
}

function Quoted({ model, draft, terms, wei }: Pay & { wei: string }) {
  const { data: quote, error } = use_resource<Quote>(
    `/api/v1/quote?program=${model.program}&n=${terms.n}&max_price=${wei}${is_alone(terms) ? `&check=${terms.check}` : is_hidden(model, terms) ? "&privacy=private" : ""}`,
    (change) => change.type === "reload" || change.type === "provider",
  );
  const { data: records } = use_resource<ModelRecord>(`/api/v1/models/${model.program}/record`, (change) => change.type === "reload");
  // Orders on ciphertexts are another kind of work, of which the record says nothing.
  const record = is_hidden(model, terms) ? null : (records?.checks.find((one) => one.check === terms.check) ?? null);
  if (error && !quote)
    return (
      <p class="bad" role="alert">
        {error.message}
      </p>
    );
  if (!quote) return <p class="hint">Asking for a quote …</p>;
  return (
    <>
      <Figures quote={quote} record={record} terms={terms} />
      <Confirm model={model} draft={draft} terms={terms} wei={wei} quote={quote} />
    </>
  );
}

function Figures({ quote, record, terms }: { quote: Quote; record: CheckRecord | null; terms: OrderTerms }) {
  return (
    <dl class="facts">
      <dt>Providers in reach</dt>
      <dd>{quote.eligible < terms.n ? <strong class="bad">{quote.eligible} of the {terms.n} needed</strong> : quote.eligible}</dd>
      <dt>Expected cost</dt>
      <dd>
        <strong>
          <Money wei={quote.expected} />
        </strong>{" "}
        <small>
          with <Term word="fee">fee</Term> <Money wei={fee_of(quote.expected, quote.fee_bps)} />
        </small>
      </dd>
      <dt>
        In <Term word="escrow">escrow</Term> now
      </dt>
      <dd>
        <Money wei={quote.escrow} />{" "}
        <small>
          about <Money wei={back_of(quote)} unit={false} /> comes back
        </small>
      </dd>
      <dt>You risk</dt>
      <dd>
        <Money wei={quote.bond} /> <small>the bond, if this node does not hand over the input in time</small>
      </dd>
      <dt>Each provider risks</dt>
      <dd>
        <Money wei={quote.lock} /> <small>of its stake, for a wrong result or silence</small>
      </dd>
      {quote.private && (
        <>
          <dt>On ciphertexts</dt>
          <dd data-private>
            {seconds_of(quote.private.core_seconds * 1000)}{" "}
            <small>
              of one core and {bytes(quote.private.memory_bytes)} of memory at each provider, about; {quote.private.key_bytes > 0 && `${bytes(quote.private.key_bytes)} of keys once, `}
              {bytes(quote.private.input_bytes)} there and {bytes(quote.private.result_bytes)} back
            </small>
          </dd>
        </>
      )}
      <dt>Time</dt>
      <dd>
        {record?.median_ms != null && record.slow_ms != null ? (
          <>
            {seconds_of(record.median_ms)}{" "}
            <small>
              median of {plural(record.settled, "order")} here, 9 of 10 within {seconds_of(record.slow_ms)};{" "}
            </small>
          </>
        ) : (
          <small>not measured here yet; </small>
        )}
        <small>at most {long_span(longest_seconds(quote, window_of(terms) ?? 120))} unless it is audited or disputed{terms.check === "optimistic" && `; it may be disputed for ${long_span(quote.windows.appeal)}`}</small>
      </dd>
    </dl>
  );
}

/** Whether the input is to leave this node encrypted alone. */
function is_hidden(model: Model, terms: OrderTerms): boolean {
  return terms.hidden && !is_alone(terms) && !model.language;
}

/** Why the order cannot be placed yet, or null. */
function hindrance(model: Model, draft: Draft | null, terms: OrderTerms, quote: Quote, balance: string | undefined): string | null {
  if (model.trouble) return `This model cannot be used: ${model.trouble}`;
  if (!draft) return model.language ? "Write a prompt first." : "Give an input first.";
  if (audit_bps(terms) === null || window_of(terms) === null) return "One of the terms is not right.";
  if (quote.eligible < terms.n) return "Too few providers work at this price: raise it, or ask fewer.";
  const audit = audit_bps(terms) ?? 0;
  if (!is_alone(terms) && audit < quote.min_audit_bps) return `This market takes no audit chance below ${percent(quote.min_audit_bps / 10_000)}.`;
  if (balance === undefined) return "This node has no account of its own: it only watches.";
  if (BigInt(balance) < BigInt(quote.escrow)) return "The account holds less than the escrow.";
  return null;
}

function Confirm({ model, draft, terms, wei, quote }: Pay & { wei: string; quote: Quote }) {
  const hub = use_hub();
  const status = useContext(StatusContext);
  const { signed_in } = use_connection();
  const [busy, set_busy] = useState(false);
  const [error, set_error] = useState<ApiError | null>(null);
  const body = { program: model.program, input: draft?.input, max_price: wei, ...(is_alone(terms) ? { check: terms.check } : {}), ...(terms.check === "optimistic" && terms.confirm ? { trap: true } : {}), ...(is_hidden(model, terms) ? { privacy: "private" } : {}), n: terms.n, audit_bps: audit_bps(terms), commit_window: window_of(terms), label: draft?.label };
  const key = use_key(JSON.stringify(body));
  const balance = status?.account?.balance;
  const why_not = hindrance(model, draft, terms, quote, balance);
  const place = async () => {
    set_busy(true);
    set_error(null);
    try {
      const { id } = await hub.post<{ id: string }>("/api/v1/orders", body as NewOrder, { headers: { "idempotency-key": key() } });
      location.hash = `#/orders/${id}`;
    } catch (failure) {
      set_error(failure instanceof ApiError ? failure : new ApiError(0, "page", String(failure)));
      set_busy(false);
    }
  };
  return (
    <div class="confirm">
      {error && (
        <div class="notice bad" role="alert">
          <strong>The order was not confirmed.</strong> {advice(error)}
          <p class="hint">{error.message}</p>
        </div>
      )}
      <Button primary busy={busy} disabled={why_not !== null || !signed_in || !hub.may_spend} onClick={() => void place()}>
        {busy ? "Placing it on the ledger …" : <>Place the order</>}
      </Button>
      <p class="hint" role="status">
        {why_not ?? (signed_in ? "" : "Sign in below to place it.")}{" "}
        {balance !== undefined && BigInt(balance) < BigInt(quote.escrow) && <a href="#/account">Put money into the account</a>}
      </p>
    </div>
  );
}

/** A key that stays the same as long as the order does: pressing twice places once. */
function use_key(body: string): () => string {
  const kept = useRef<{ body: string; key: string } | null>(null);
  return () => {
    if (kept.current?.body !== body) kept.current = { body, key: random_key() };
    return kept.current.key;
  };
}

function random_key(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

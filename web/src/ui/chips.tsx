import type { ComponentChildren } from "preact";
import type { Member, OrderState, OrderVerdict } from "../api/types";
import { is_final, stage_names, state_view, type Tone } from "../order/stages";

export function Chip({ tone, title, children }: { tone: Tone; title?: string | undefined; children: ComponentChildren }) {
  return (
    <span class={`chip ${tone}`} title={title}>
      {children}
    </span>
  );
}

export function StateChip({ state }: { state: OrderState }) {
  const view = state_view(state);
  return (
    <Chip tone={view.tone} title={view.text}>
      {!is_final(state) && <i class="pulse" aria-hidden="true" />}
      {view.label}
    </Chip>
  );
}

const kVerdicts: Record<OrderVerdict, { label: string; tone: Tone }> = {
  accepted: { label: "Accepted", tone: "good" },
  rejected: { label: "Rejected", tone: "bad" },
  undecided: { label: "Undecided", tone: "warn" },
  bad_input: { label: "Bad input", tone: "warn" },
};

export function VerdictChip({ verdict }: { verdict: OrderVerdict }) {
  const view = kVerdicts[verdict] ?? { label: verdict, tone: "idle" };
  return <Chip tone={view.tone}>{view.label}</Chip>;
}

const kMemberStates: Record<Member["state"], { label: string; tone: Tone }> = {
  drawn: { label: "Running", tone: "busy" },
  committed: { label: "Committed", tone: "busy" },
  revealed: { label: "Revealed", tone: "busy" },
  silent: { label: "Silent", tone: "warn" },
};

/** One word for where a member is: its verdict when there is one, else its state. */
export function MemberChip({ member, final }: { member: Pick<Member, "state" | "verdict">; final: boolean }) {
  if (member.state === "silent") return <Chip tone="warn">Silent</Chip>;
  if (member.verdict) return <VerdictChip verdict={member.verdict} />;
  const view = kMemberStates[member.state] ?? { label: member.state, tone: "idle" };
  return <Chip tone={final ? "idle" : view.tone}>{final && member.state === "drawn" ? "Not needed" : view.label}</Chip>;
}

/** A thin bar with one segment for each stage. */
export function Progress({ state }: { state: OrderState }) {
  const view = state_view(state);
  const names = stage_names(state);
  return (
    <span class={`progress ${view.tone}`} role="img" aria-label={`${view.done} of ${names.length} stages done`}>
      {names.map((name, i) => (
        <i key={name} class={i < view.done ? "done" : i === view.done ? "now" : ""} />
      ))}
    </span>
  );
}

/** The stages by name, for the page of one order. */
export function Stepper({ state }: { state: OrderState }) {
  const view = state_view(state);
  return (
    <ol class={`stepper ${view.tone}`} aria-label="Stages of the order">
      {stage_names(state).map((name, i) => (
        <li key={name} class={i < view.done ? "done" : i === view.done ? "now" : ""} aria-current={i === view.done ? "step" : undefined}>
          <i aria-hidden="true" />
          <span>{name}</span>
        </li>
      ))}
    </ol>
  );
}

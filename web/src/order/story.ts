import type { Member, Order, Round } from "../api/types";
import { plural } from "../format";
import { is_final, state_view } from "./stages";

/** The order's story in plain sentences, from what is known now. `amount` writes wei for people. */
export function story(order: Order, amount: (wei: string) => string): string {
  const parts: string[] = [];
  const [quorum] = order.rounds;
  if (quorum) parts.push(quorum_sentence(quorum, amount));
  if (order.policy.check === "proof" && order.state === "settled") parts.push("Its proof was checked.");
  for (const round of order.rounds.slice(1)) parts.push(later_round_sentence(round));
  if (!is_final(order.state)) parts.push(state_view(order.state).text);
  else parts.push(final_sentence(order, amount));
  return parts.filter(Boolean).join(" ");
}

function quorum_sentence(round: Round, amount: (wei: string) => string): string {
  const { members } = round;
  const right = members.filter((m) => m.verdict === "accepted");
  const wrong = members.filter((m) => m.verdict === "rejected" && m.state !== "silent");
  const silent = members.filter((m) => m.state === "silent");
  const parts = [`${plural(members.length, "provider was", "providers were")} drawn at random.`];
  if (right.length === 1) parts.push("1 gave the accepted result.");
  else if (right.length > 1) parts.push(`${right.length} gave the same result, bit for bit.`);
  if (wrong.length > 0) parts.push(`${wrong.length} claimed another result${lost(wrong, amount)}.`);
  if (silent.length > 0) parts.push(`${silent.length} fell silent${lost(silent, amount)}.`);
  return parts.join(" ");
}

function lost(members: readonly Member[], amount: (wei: string) => string): string {
  const sum = members.reduce((total, m) => total + BigInt(m.slashed), 0n);
  return sum > 0n ? ` and lost ${amount(sum.toString())} of stake` : "";
}

function later_round_sentence(round: Round): string {
  if (round.members.length === 0) return "";
  if (round.appealed) return `Somebody appealed. ${jury_sentence(round)}`;
  if (round.role === "audit") return audit_sentence(round);
  return jury_sentence(round);
}

function jury_sentence(round: Round): string {
  const agreed = round.members.filter((m) => m.verdict === "accepted").length;
  const size = plural(round.members.length, "juror");
  return agreed > 0 ? `A jury re-ran it: ${agreed} of ${size} agreed.` : `A jury of ${size} was drawn.`;
}

function audit_sentence(round: Round): string {
  const auditor = round.members[round.members.length - 1];
  if (!auditor || auditor.state === "silent") return "It was audited, but the auditor stayed silent.";
  if (auditor.verdict === "accepted") return `Provider ${auditor.account} audited it and found the same.`;
  if (auditor.verdict === "rejected") return `Provider ${auditor.account} audited it and was wrong.`;
  return `Provider ${auditor.account} audits it.`;
}

const kRefunds: Record<string, string> = {
  undrawn: "Nobody drew providers in time, so the buyer got the money back.",
  no_providers: "Too few providers could be drawn, so the buyer got the money back.",
  no_input: "The buyer never sent the input: the bond went to the providers drawn, the rest back to the buyer.",
  silence: "Too few providers answered, so the buyer got the money back.",
  undecided: "No result had enough support, so the buyer got the money back.",
  refuted: "Somebody ran it again and proved the claim wrong, so the buyer got the money back.",
  withheld: "The provider did not show what its claim binds, so the buyer got the money back.",
  unproven: "The provider showed no proof in time that holds, so the buyer got the money back.",
  bad_input: "The input sent was not the one ordered: the bond went to the providers who said so, the rest back to the buyer.",
};

function final_sentence(order: Order, amount: (wei: string) => string): string {
  if (order.state === "settled") return `The providers were paid ${amount(order.money.paid)} in all.`;
  return kRefunds[order.refund_reason ?? ""] ?? "The order ended without a result, and the buyer got the money back.";
}

import type { Member, Round } from "../api/types";
import { clock_time, plural } from "../format";
import type { Word } from "../glossary";
import { MemberChip } from "../ui/chips";
import { Fingerprint } from "../ui/fingerprint";
import { Card } from "../ui/frame";
import { AccountLink, Ago, Hex, Money, Term } from "../ui/text";

const kRoles: Record<Round["role"], { title: string; word: Word }> = {
  quorum: { title: "Quorum", word: "quorum" },
  audit: { title: "Audit", word: "audit" },
  jury: { title: "Jury", word: "jury" },
};

/** The one provider of an order without a quorum. */
const kAlone: { title: string; word: Word } = { title: "Claim", word: "dispute" };

/** One round: who was drawn, what each claimed, and what became of it. */
export function RoundCard({ round, check, final }: { round: Round; check: string; final: boolean }) {
  const role = check !== "quorum" && round.role === "quorum" ? { ...kAlone, word: check === "proof" ? ("proof" as const) : kAlone.word } : (kRoles[round.role] ?? { title: round.role, word: "quorum" });
  const drawn = (
    <span class="aside">
      {plural(round.members.length, "provider")}
      {round.drawn_at !== null && (
        <>
          , drawn <Ago at={round.drawn_at} />
        </>
      )}
      {round.seed && (
        <>
          {" "}
          with <Term word="seed">seed</Term> <Hex value={round.seed} what="seed of the draw" />
        </>
      )}
    </span>
  );
  return (
    <Card class="flush round" title={<Term word={role.word}>{role.title}</Term>} extra={drawn}>
      <ul class="members">
        {round.members.map((member, seat) => (
          <MemberRow key={seat} member={member} final={final} />
        ))}
      </ul>
    </Card>
  );
}

function MemberRow({ member, final }: { member: Member; final: boolean }) {
  return (
    <li data-account={member.account} data-verdict={member.verdict ?? ""}>
      <div class="who">
        <AccountLink id={member.account} />
        <MemberChip member={member} final={final} />
      </div>
      <div class="claim">
        {member.output_root ? (
          <>
            <Fingerprint hash={member.output_root} />
            <Hex value={member.output_root} what="output root" />
          </>
        ) : (
          <span class="none">{member.state === "committed" ? "sealed" : "no claim"}</span>
        )}
      </div>
      <p class="reason">{member.reason ?? ""}</p>
      <dl class="sums">
        <div>
          <dt>Price</dt>
          <dd>
            <Money wei={member.price} unit={false} />
          </dd>
        </div>
        <div>
          <dt>Paid</dt>
          <dd>
            <Money wei={member.paid} tone="good" unit={false} />
          </dd>
        </div>
        <div>
          <dt>Slashed</dt>
          <dd>
            <Money wei={member.slashed} tone="bad" unit={false} />
          </dd>
        </div>
      </dl>
      <details>
        <summary>Evidence</summary>
        <dl class="facts">
          <Evidence word="commit" label="Commitment" value={member.commitment} at={member.committed_at} />
          <Evidence word="output root" label="Output root" value={member.output_root} at={member.revealed_at} />
          <Evidence word="trace root" label="Trace root" value={member.trace_root} at={null} />
          <Evidence word="mark" label="Mark" value={member.mark} at={null} />
          <dt>
            <Term word="locked">Stake locked</Term>
          </dt>
          <dd>
            <Money wei={member.locked} />
          </dd>
        </dl>
      </details>
    </li>
  );
}

function Evidence({ word, label, value, at }: { word: Word; label: string; value: string | null; at: number | null }) {
  return (
    <>
      <dt>
        <Term word={word}>{label}</Term>
      </dt>
      <dd>
        {value ? <Hex value={value} what={label.toLowerCase()} ends={10} /> : <span class="none">none</span>}
        {value && at !== null && <span class="aside"> at {clock_time(at)}</span>}
      </dd>
    </>
  );
}

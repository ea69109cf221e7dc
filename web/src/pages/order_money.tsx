import type { ComponentChildren } from "preact";
import type { Order } from "../api/types";
import { share } from "../format";
import { is_final } from "../order/stages";
import { Card } from "../ui/frame";
import { Money, Term } from "../ui/text";

interface Part {
  name: string;
  label: ComponentChildren;
  wei: string;
}

/** Where the money came from and where it went. */
export function MoneyCard({ order }: { order: Order }) {
  const { money } = order;
  const disputed = money.bonds !== "0";
  const sources: Part[] = [
    { name: "escrow", label: <Term word="escrow">Put in by the buyer</Term>, wei: money.escrow },
    ...(disputed ? [{ name: "bonds", label: "Bonds of who appealed or challenged", wei: money.bonds }] : []),
    { name: "slashed", label: <Term word="slashed">Slashed from providers</Term>, wei: money.slashed },
  ];
  const uses: Part[] = [
    { name: "paid", label: "Paid to providers", wei: money.paid },
    { name: "refunded", label: "Back to the buyer", wei: money.refunded },
    ...(disputed ? [{ name: "bonds_returned", label: "Back to them, with rewards", wei: money.bonds_returned }] : []),
    { name: "fee", label: <Term word="fee">Fee</Term>, wei: money.fee },
    { name: "burned", label: <Term word="burned">Burned</Term>, wei: money.burned },
  ];
  const total = sources.reduce((sum, part) => sum + BigInt(part.wei), 0n);
  const used = uses.reduce((sum, part) => sum + BigInt(part.wei), 0n);
  if (!is_final(order.state)) uses.push({ name: "held", label: "Still held", wei: (total > used ? total - used : 0n).toString() });
  return (
    <Card title="Money">
      <Flow title="Came from" parts={sources} total={total.toString()} />
      <Flow title="Went to" parts={uses} total={total.toString()} />
    </Card>
  );
}

function Flow({ title, parts, total }: { title: string; parts: Part[]; total: string }) {
  return (
    <div class="flow">
      <h3>{title}</h3>
      <div class="stack" aria-hidden="true">
        {parts.filter((part) => part.wei !== "0").map((part) => (
          <i key={part.name} class={part.name} style={{ flexGrow: share(part.wei, total) }} />
        ))}
      </div>
      <dl>
        {parts.map((part) => (
          <div key={part.name} data-money={part.name}>
            <dt>
              <i class={part.name} aria-hidden="true" />
              {part.label}
            </dt>
            <dd>
              <Money wei={part.wei} />
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

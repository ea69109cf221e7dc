import { use_resource } from "../api/hooks";
import type { Order } from "../api/types";
import { is_final } from "../order/stages";
import { story } from "../order/story";
import { bytes, percent, seconds_of } from "../format";
import { StateChip, Stepper, VerdictChip } from "../ui/chips";
import { Countdown } from "../ui/countdown";
import { Download } from "../ui/download";
import { Card, PageTitle, Problem, Waiting } from "../ui/frame";
import { AccountLink, Ago, Hex, Money, Term, use_amount } from "../ui/text";
import { AnswerCard } from "./order_answer";
import { MoneyCard } from "./order_money";
import { RoundCard } from "./order_rounds";
import { Timeline } from "./order_timeline";

/** One order's whole story. */
export function OrderPage({ id }: { id: string }) {
  const { data: order, error } = use_resource<Order>(
    `/api/v1/orders/${id}`,
    (change) => change.type === "reload" || (change.type === "order" && change.order.id === id),
  );
  return (
    <>
      <nav class="crumbs" aria-label="Where you are">
        <a href="#/">Orders</a> <span aria-hidden="true">/</span> {id}
      </nav>
      <PageTitle title={`Order #${id}`}>
        {order && (
          <>
            <StateChip state={order.state} />
            {order.verdict && <VerdictChip verdict={order.verdict} />}
          </>
        )}
      </PageTitle>
      {error && (!error.unreachable || !order) && <Problem error={error} />}
      {order ? <Story order={order} /> : !error && <Waiting lines={10} />}
    </>
  );
}

function Story({ order }: { order: Order }) {
  const amount = use_amount();
  return (
    <>
      <Stepper state={order.state} />
      <Countdown deadline={order.deadline} />
      <p class="story">{story(order, amount)}</p>
      {order.own_run === "differs" && (
        <div class="notice bad" role="alert">
          <p>This node ran the order itself and got another result. Do not use the answer of the provider.</p>
        </div>
      )}
      <AnswerCard order={order} />
      <h2 class="section">Who ran it</h2>
      {order.rounds.length === 0 && (
        <p class="empty card">
          Nobody yet: the providers are <Term word="drawn">drawn</Term> at random from a coming block.
        </p>
      )}
      {order.rounds.map((round, index) => (
        <RoundCard key={index} round={round} check={order.policy.check} final={is_final(order.state)} />
      ))}
      <Lot order={order} />
      {order.dispute && <DisputeCard order={order} dispute={order.dispute} />}
      <div class="pair">
        <MoneyCard order={order} />
        <Facts order={order} />
      </div>
      <Timeline events={order.events} />
    </>
  );
}

/** How the lot about an audit fell, in the words of the ledger's index. */
function Lot({ order }: { order: Order }) {
  const drawn = order.events.find((event) => event.name === "AuditDrawn");
  if (!drawn) return null;
  return (
    <p class="lot" data-lot>
      <strong>
        The lot of the <Term word="audit">audit</Term>.
      </strong>{" "}
      {drawn.text}
    </p>
  );
}

/** Who disputes the claim of an optimistic order, and what came of it. */
function DisputeCard({ order, dispute }: { order: Order; dispute: NonNullable<Order["dispute"]> }) {
  const quiet = dispute.challenges.length === 0 && dispute.demands.length === 0;
  return (
    <Card title="Disputes">
      <p class="story" data-dispute>
        {dispute.condemned === "refuted" && "The claim was proven wrong on the ledger."}
        {dispute.condemned === "withheld" && "The claim ended because its provider did not show what it binds."}
        {!dispute.condemned && (is_final(order.state) ? "The claim stood." : "While the claim stands, anyone may run it again and dispute it.")}
        {quiet && !dispute.condemned && " Nobody has disputed it."}
      </p>
      {!quiet && (
        <ul class="lines">
          {dispute.challenges.map((one, index) => (
            <li key={index}>
              <AccountLink id={one.account} /> committed to a proof with a bond of <Money wei={one.bond} />
              {one.proven ? ": it shows that the claim is wrong" : is_final(order.state) ? ": it showed nothing" : ""}
              {dispute.winner === one.account && one.proven && ", and was rewarded"}.
            </li>
          ))}
          {dispute.demands.map((one) => (
            <li key={`demands ${one.account}`}>
              <AccountLink id={one.account} /> demanded {one.made === 1 ? "one part" : `${one.made} parts`} of the claim; {one.answered} {one.answered === 1 ? "was" : "were"} answered.
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function Facts({ order }: { order: Order }) {
  const { policy } = order;
  const receipt = order.receipt_url && (
    <Download path={order.receipt_url} name={`receipt-${order.id}.json`}>
      Download receipt
    </Download>
  );
  const proof = order.mine && policy.check === "proof" && order.state === "settled" && (
    <Download path={`/api/v1/orders/${order.id}/proof`} name={`proof-${order.id}.bin`}>
      Download proof
    </Download>
  );
  return (
    <Card title="The order" extra={<>{proof} {receipt}</>}>
      <dl class="facts">
        <dt>Model</dt>
        <dd>
          {order.kind === "training" ? "training by a recipe" : order.model.name ? <a href="#/models">{order.model.name}</a> : "not known to this node"}
          {order.model.name && (
            <>
              {", "}
              <a href={`#/new/${order.program}`}>order another run</a>
            </>
          )}
        </dd>
        <dt>
          <Term word="program">Program</Term>
        </dt>
        <dd>
          <Hex value={order.program} what="program id" ends={6} />
        </dd>
        <dt>
          <Term word="buyer">Buyer</Term>
        </dt>
        <dd>
          {order.buyer === null ? "not yet in a block" : <AccountLink id={order.buyer} />} {order.mine && <span class="mine">you</span>}
        </dd>
        <dt>Policy</dt>
        <dd>
          {policy.check === "quorum" ? (
            <>
              <Term word="quorum">quorum</Term>: {policy.k} of {policy.n} must agree; <Term word="audit">audit</Term> {percent(policy.audit_bps / 10_000)}
            </>
          ) : (
            <>
              {policy.check === "optimistic" || policy.check === "proof" ? <Term word={policy.check === "proof" ? "proof" : "dispute"}>{policy.check}</Term> : policy.check}
              {policy.check === "proof" && ": one provider, paid when its proof is checked"}
              {policy.check === "optimistic" && ": one provider, whose claim anyone may dispute; the input is public"}
            </>
          )}
        </dd>
        <dt>Most for a run</dt>
        <dd>
          <Money wei={order.price_max} />
        </dd>
        <dt>Input</dt>
        <dd>
          {bytes(order.input.size)}, root <Hex value={order.input.root} what="input root" />
        </dd>
        <dt>Placed</dt>
        <dd>
          <Ago at={order.placed_at} />
        </dd>
        {order.settled_at !== null && (
          <>
            <dt>Ended</dt>
            <dd>
              after {seconds_of(order.settled_at - order.placed_at)}
            </dd>
          </>
        )}
      </dl>
      {!receipt && (
        <p class="hint">
          The <Term word="receipt">receipt</Term> can be downloaded here once the order is final.
        </p>
      )}
    </Card>
  );
}

import { use_resource } from "../api/hooks";
import type { Order } from "../api/types";
import { is_final } from "../order/stages";
import { story } from "../order/story";
import { bytes, percent } from "../format";
import { StateChip, Stepper, VerdictChip } from "../ui/chips";
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
      <p class="story">{story(order, amount)}</p>
      <AnswerCard order={order} />
      <h2 class="section">Who ran it</h2>
      {order.rounds.length === 0 && (
        <p class="empty card">
          Nobody yet: the providers are <Term word="drawn">drawn</Term> at random from a coming block.
        </p>
      )}
      {order.rounds.map((round, index) => (
        <RoundCard key={index} round={round} final={is_final(order.state)} />
      ))}
      <div class="pair">
        <MoneyCard order={order} />
        <Facts order={order} />
      </div>
      <Timeline events={order.events} />
    </>
  );
}

function Facts({ order }: { order: Order }) {
  const { policy } = order;
  const receipt = order.receipt_url && (
    <a class="button primary" href={order.receipt_url.replace(/^\//, "")} download={`receipt-${order.id}.json`}>
      Download receipt
    </a>
  );
  return (
    <Card title="The order" extra={receipt}>
      <dl class="facts">
        <dt>Model</dt>
        <dd>{order.model.name ?? "not known to this node"}</dd>
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
            policy.check
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
              after {((order.settled_at - order.placed_at) / 1000).toFixed(order.settled_at - order.placed_at < 10_000 ? 1 : 0)} s
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

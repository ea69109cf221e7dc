import type { ComponentChildren } from "preact";
import { useContext, useState } from "preact/hooks";
import { type OrderList, StatusContext, use_orders } from "../api/hooks";
import type { OrderSummary, Status } from "../api/types";
import { Progress, StateChip, VerdictChip } from "../ui/chips";
import { Card, Empty, PageTitle, Problem, Waiting } from "../ui/frame";
import { HistoryCard } from "./charts";
import { AccountLink, Ago, Hex, Money, Term } from "../ui/text";

export function OverviewPage() {
  const status = useContext(StatusContext);
  const [mine, set_mine] = useState(false);
  const list = use_orders(mine);
  return (
    <>
      <PageTitle title="Orders" />
      <Figures status={status} />
      <Orders list={list} mine={mine} set_mine={set_mine} />
      {(list.orders || list.error) && (
        <HistoryCard title="The network over time" account={null} />
      )}
      {(list.orders || list.error) && (
        <div class="pair">
          <HowItWorks />
          <AccountCard status={status} />
        </div>
      )}
    </>
  );
}

function Figures({ status }: { status: Status | null }) {
  const money = (wei: string | undefined, tone?: "good" | "bad") => (wei === undefined ? "–" : <Money wei={wei} tone={tone} />);
  return (
    <dl class="figures">
      <Figure label={<>Open orders</>} value={status?.counts.open ?? "–"} />
      <Figure label={<>Settled</>} value={status?.counts.settled ?? "–"} />
      <Figure label={<Term word="provider">Providers</Term>} value={status?.counts.providers ?? "–"} />
      <Figure label={<Term word="escrow">In escrow</Term>} value={money(status?.totals.escrow)} />
      <Figure label={<>Paid to providers</>} value={money(status?.totals.paid, "good")} />
      <Figure label={<Term word="slashed">Slashed</Term>} value={money(status?.totals.slashed, "bad")} />
    </dl>
  );
}

export function Figure({ label, value }: { label: ComponentChildren; value: ComponentChildren }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Orders({ list, mine, set_mine }: { list: OrderList; mine: boolean; set_mine: (mine: boolean) => void }) {
  const { orders, error, older } = list;
  const filter = (
    <div class="switch" role="group" aria-label="Which orders">
      <button type="button" aria-pressed={!mine} onClick={() => set_mine(false)}>
        All
      </button>
      <button type="button" aria-pressed={mine} onClick={() => set_mine(true)}>
        Mine
      </button>
    </div>
  );
  return (
    <Card class="flush" title="Live" extra={filter}>
      {error && !error.unreachable && <Problem error={error} />}
      {orders ? <OrderTable orders={orders} mine={mine} /> : !error && <Waiting lines={6} />}
      {older && (
        <div class="more">
          <button type="button" class="button" onClick={() => void older()}>
            Show older orders
          </button>
        </div>
      )}
    </Card>
  );
}

function OrderTable({ orders, mine }: { orders: OrderSummary[]; mine: boolean }) {
  if (orders.length === 0)
    return (
      <Empty>
        {mine ? "You have placed no orders yet. " : "No orders yet. "}
        <a href="#/new">Place one here</a>, or with <code>koinon order</code>, and watch it.
      </Empty>
    );
  return (
    <table class="list orders">
      <thead>
        <tr>
          <th scope="col">Order</th>
          <th scope="col">State</th>
          <th scope="col">Answer</th>
          <th scope="col">
            <Term word="verdict">Verdict</Term>
          </th>
          <th scope="col" class="number">
            Providers
          </th>
          <th scope="col" class="number">
            Paid
          </th>
          <th scope="col" class="number">
            <Term word="slashed">Slashed</Term>
          </th>
          <th scope="col" class="number">
            Placed
          </th>
        </tr>
      </thead>
      <tbody>
        {orders.map((order) => (
          <OrderRow key={order.id} order={order} />
        ))}
      </tbody>
    </table>
  );
}

/** Cells with nothing in them are left out on a phone. */
const nil = (nothing: boolean) => (nothing ? "nil" : "");

function OrderRow({ order }: { order: OrderSummary }) {
  return (
    <tr class="link" data-order={order.id} data-state={order.state}>
      <th scope="row">
        <a class="cover" href={`#/orders/${order.id}`}>
          #{order.id}
        </a>
        <span class="under">
          {order.model.name ?? <code>{order.program.slice(0, 10)}…</code>}
          {order.mine && <span class="mine">yours</span>}
        </span>
      </th>
      <td class="state">
        <StateChip state={order.state} />
        <Progress state={order.state} />
      </td>
      <td class={`answer ${nil(!order.answer)}`} data-label="Answer">
        {order.answer ?? <span class="none">–</span>}
      </td>
      <td class={nil(!order.verdict)} data-label="Verdict">{order.verdict ? <VerdictChip verdict={order.verdict} /> : <span class="none">–</span>}</td>
      <td class={`number ${nil(order.members === 0)}`} data-label="Providers">
        {order.members}
      </td>
      <td class={`number ${nil(order.paid === "0")}`} data-label="Paid">
        <Money wei={order.paid} tone="good" unit={false} />
      </td>
      <td class={`number ${nil(order.slashed === "0")}`} data-label="Slashed">
        <Money wei={order.slashed} tone="bad" unit={false} />
      </td>
      <td class="number when" data-label="Placed">
        <Ago at={order.placed_at} />
      </td>
    </tr>
  );
}

function HowItWorks() {
  return (
    <Card title="How an order lives">
      <ol class="how">
        <li>
          A <Term word="buyer">buyer</Term> puts the price in <Term word="escrow">escrow</Term>. Chance <Term word="drawn">draws</Term> the
          providers.
        </li>
        <li>
          Each runs the <Term word="program">program</Term> and <Term word="commit">commits</Term> to its result before it can see any other.
        </li>
        <li>
          They <Term word="reveal">reveal</Term>. Results that agree bit for bit make a <Term word="verdict">verdict</Term>; a random{" "}
          <Term word="audit">audit</Term> may re-run it.
        </li>
        <li>
          Right work is paid. Wrong work and silence are <Term word="slashed">slashed</Term>. A <Term word="receipt">receipt</Term> proves it.
        </li>
      </ol>
    </Card>
  );
}

function AccountCard({ status }: { status: Status | null }) {
  if (!status) return <Card title="This node">{<Waiting lines={3} />}</Card>;
  const { account, ledger } = status;
  return (
    <Card title="This node">
      <dl class="facts">
        {account ? (
          <>
            <dt>Account</dt>
            <dd>
              <AccountLink id={account.id} /> <Hex value={account.operator} what="operator address" address />
            </dd>
            <dt>Free balance</dt>
            <dd>
              <Money wei={account.balance} />
            </dd>
            <dt>
              <Term word="stake">Stake</Term>
            </dt>
            <dd>
              <Money wei={account.stake} />
            </dd>
          </>
        ) : (
          <>
            <dt>Account</dt>
            <dd>none: this node only watches</dd>
          </>
        )}
        <dt>
          <Term word="ledger">Ledger</Term>
        </dt>
        <dd>{ledger.local ? "local development chain" : `chain ${ledger.chain_id}`}</dd>
        <dt>Work market</dt>
        <dd>
          <Hex value={ledger.market} what="address of the work market" address />
        </dd>
      </dl>
      {ledger.local && <p class="hint">On a local chain the money is worth nothing and the draws are predictable. It is for trying things out.</p>}
    </Card>
  );
}

import { useContext, useState } from "preact/hooks";
import { StatusContext, use_resource } from "../api/hooks";
import type { History } from "../api/types";
import { counts_of, running, type Sum, times_of, total_of } from "../market/history";
import { plural } from "../format";
import { Chart, type Series } from "../ui/chart";
import { Card, Empty, Problem } from "../ui/frame";
import { use_amount } from "../ui/text";

const kSpans = [
  { name: "1 h", label: "the last hour", ms: 3_600_000 },
  { name: "1 d", label: "the last day", ms: 86_400_000 },
  { name: "30 d", label: "the last 30 days", ms: 30 * 86_400_000 },
  { name: "All", label: "all time", ms: 0 },
] as const;

/** A minute of the node's clock, so that a moving present does not ask anew all the time. */
function since(now: number | undefined, span_ms: number): number {
  return now === undefined || span_ms === 0 ? 0 : Math.floor((now - span_ms) / 60_000) * 60_000;
}

interface HistoryProps {
  title: string;
  /** Whose earnings and spending are shown; null shows the network. */
  account: number | null;
}

/** Charts of what happened over time: of the network, or of one account. */
export function HistoryCard({ title, account }: HistoryProps) {
  const status = useContext(StatusContext);
  const [span, set_span] = useState<(typeof kSpans)[number]>(kSpans[3]);
  const whose = account === null ? "" : `&account=${account}`;
  const { data, error } = use_resource<History>(
    `/api/v1/history?points=48&since=${since(status?.time, span.ms)}${whose}`,
    (change) => change.type === "reload" || (change.type === "order" && ["settled", "refunded", "drawing"].includes(change.order.state)),
  );
  const choice = (
    <div class="switch" role="group" aria-label={`Span of ${title}`}>
      {kSpans.map((one) => (
        <button key={one.name} type="button" aria-pressed={one === span} title={`Show ${one.label}`} onClick={() => set_span(one)}>
          {one.name}
        </button>
      ))}
    </div>
  );
  return (
    <Card title={title} extra={choice} class="history">
      {error && !data && <Problem error={error} />}
      <div class="charts">{data && status && (account === null ? <Network history={data} /> : <Account history={data} />)}</div>
    </Card>
  );
}

const kNothing = "Nothing happened in this time.";

function Network({ history }: { history: History }) {
  const orders = counts_of(history, "orders");
  const count = orders.reduce((sum, one) => sum + one, 0);
  if (count === 0 && total_of(history, "paid") === "0") return <Empty>{kNothing}</Empty>;
  const settled = counts_of(history, "settled");
  const refunded = counts_of(history, "refunded");
  const ended = settled.map((one, i) => one + (refunded[i] ?? 0));
  const series: Series[] = [
    { name: "Placed", colour: "--accent", values: orders, side: -1 },
    { name: "Settled", colour: "--good", values: ended, told: settled, side: 1 }, // the refunded are drawn over their foot
    { name: "Refunded", colour: "--warn", values: refunded, side: 1 },
  ];
  return (
    <>
      <div>
        <h3>Orders</h3>
        <Chart bars times={times_of(history)} series={series} show={String} label={`Orders over time: ${plural(count, "order")} placed`} />
      </div>
      <Sums title="Money, added up" history={history} keys={[["paid", "Paid", "--good"], ["slashed", "Slashed", "--bad"], ["burned", "Burned", "--warn"]]} />
    </>
  );
}

function Account({ history }: { history: History }) {
  if ((["earned", "spent", "lost"] as const).every((key) => total_of(history, key) === "0")) return <Empty>{kNothing} Earnings and spending are drawn here.</Empty>;
  return <Sums title="Earned and spent, added up" history={history} keys={[["earned", "Earned", "--good"], ["spent", "Spent", "--accent"], ["lost", "Slashed", "--bad"]]} />;
}

function Sums({ title, history, keys }: { title: string; history: History; keys: [Sum, string, string][] }) {
  const ledger = useContext(StatusContext)?.ledger;
  const amount = use_amount();
  const decimals = ledger?.token_decimals ?? 18;
  const series = keys.map(([key, name, colour]) => ({ name, colour, values: running(history, key, decimals) }));
  const told = keys.map(([key, name]) => `${name} ${amount(total_of(history, key))}`).join(", ");
  return (
    <div>
      <h3>{title}</h3>
      <Chart times={times_of(history)} series={series} show={(value) => String(Number(value.toPrecision(4)))} label={`${title}: ${told}`} />
    </div>
  );
}

import { useContext, useState } from "preact/hooks";
import { StatusContext, use_hub, use_resource } from "../api/hooks";
import type { AccountRecord, Work } from "../api/types";
import { percent } from "../format";
import { MemberChip } from "../ui/chips";
import { Card, Empty, PageTitle, Problem, Waiting } from "../ui/frame";
import { Ago, Hex, Money, Term } from "../ui/text";
import { HistoryCard } from "./charts";

/** One account: what it is, and what it did in each order, with the reason of every verdict. */
export function AccountPage({ account }: { account: number }) {
  const mine = useContext(StatusContext)?.account?.id === account;
  const { data, error } = use_resource<AccountRecord>(
    `/api/v1/accounts/${account}`,
    (change) => change.type === "reload" || (change.type === "provider" && change.provider.account === account),
  );
  return (
    <>
      <nav class="crumbs" aria-label="Where you are">
        <a href="#/providers">Providers</a> <span aria-hidden="true">/</span> {account}
      </nav>
      <PageTitle title={`Account #${account}`}>{mine && <span class="mine">this node</span>}</PageTitle>
      {error && (!error.unreachable || !data) && <Problem error={error} />}
      {!data && !error && <Waiting lines={8} />}
      {data && (
        <>
          <Record record={data} />
          <HistoryCard title="Over time" account={account} />
          <WorkCard key={account} record={data} />
        </>
      )}
    </>
  );
}

function Record({ record }: { record: AccountRecord }) {
  const { provider } = record;
  const judged = provider ? provider.accepted + provider.rejected + provider.silent : 0;
  return (
    <>
      {provider && (
        <dl class="figures four">
          <div>
            <dt>Accepted</dt>
            <dd>
              {provider.accepted}
              <small> {judged > 0 && `of ${judged}, ${percent(provider.accepted / judged)}`}</small>
            </dd>
          </div>
          <div>
            <dt>Wrong or silent</dt>
            <dd class={provider.rejected + provider.silent > 0 ? "bad" : ""}>{provider.rejected + provider.silent}</dd>
          </div>
          <div>
            <dt>Earned</dt>
            <dd>
              <Money wei={provider.earned} tone="good" />
            </dd>
          </div>
          <div>
            <dt>
              <Term word="slashed">Slashed</Term>
            </dt>
            <dd>
              <Money wei={provider.slashed} tone="bad" />
            </dd>
          </div>
        </dl>
      )}
      <Card title="The account">
        <dl class="facts wide">
          <dt>Owner</dt>
          <dd>
            <Hex value={record.owner} what="owner address" address />
          </dd>
          <dt>Operator</dt>
          <dd>
            <Hex value={record.operator} what="operator address" address />
          </dd>
          <dt>Paid out to</dt>
          <dd>
            <Hex value={record.payout} what="payout address" address />
          </dd>
          <dt>Free balance</dt>
          <dd>
            <Money wei={record.balance} />
          </dd>
          {provider && (
            <>
              <dt>
                <Term word="stake">Stake</Term>
              </dt>
              <dd>
                <Money wei={provider.stake} />
                {provider.locked !== "0" && (
                  <>
                    , <Money wei={provider.locked} /> <Term word="locked">locked</Term>
                  </>
                )}
              </dd>
              <dt>Price of a run</dt>
              <dd>{provider.price === null ? "no offer" : <Money wei={provider.price} />}</dd>
              <dt>
                <Term word="streak">Streak</Term>
              </dt>
              <dd>{provider.streak} in a row</dd>
              <dt>Delivers at</dt>
              <dd>{provider.endpoint ? <code>{provider.endpoint}</code> : "nowhere: it gave no address"}</dd>
            </>
          )}
        </dl>
      </Card>
    </>
  );
}

function WorkCard({ record }: { record: AccountRecord }) {
  const hub = use_hub();
  const [older, set_older] = useState<Work[]>([]);
  const [next, set_next] = useState<string | null | undefined>(undefined);
  const at = next === undefined ? record.next : next;
  const known = new Set(record.work.map((work) => work.order));
  const all = [...record.work, ...older.filter((work) => !known.has(work.order))];
  const read = async () => {
    const page = await hub.get<AccountRecord>(`/api/v1/accounts/${record.account}?before=${at ?? ""}`).catch(() => null);
    if (!page) return;
    set_older((old) => [...old, ...page.work]);
    set_next(page.next);
  };
  return (
    <Card class="flush" title="Its work">
      {all.length === 0 ? (
        <Empty>{record.provider ? "It was not drawn for an order yet." : "This account sells no work. Its orders are in the list of orders."}</Empty>
      ) : (
        <ul class="work">
          {all.map((work) => (
            <WorkRow key={work.order} work={work} />
          ))}
        </ul>
      )}
      {at && (
        <div class="more">
          <button type="button" class="button" onClick={() => void read()}>
            Show older work
          </button>
        </div>
      )}
    </Card>
  );
}

function WorkRow({ work }: { work: Work }) {
  const final = work.settled_at !== null;
  return (
    <li data-work={work.order}>
      <div class="who">
        <a href={`#/orders/${work.order}`}>#{work.order}</a>
        <MemberChip member={work} final={final} />
        {work.role !== "quorum" && <span class="aside">{work.role}</span>}
      </div>
      <p class="reason">
        {work.reason ?? "Nothing is decided yet."}
        <span class="aside">
          {" "}
          {work.model.name ?? `program ${work.program.slice(0, 10)}…`}, <Ago at={work.settled_at ?? work.placed_at} />
        </span>
      </p>
      <p class="number">{work.slashed !== "0" ? <>−<Money wei={work.slashed} tone="bad" unit={false} /></> : <Money wei={work.paid} tone="good" unit={false} />}</p>
    </li>
  );
}


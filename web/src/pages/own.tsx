import { useContext, useState } from "preact/hooks";
import { ApiError } from "../api/client";
import { StatusContext, use_connection, use_hub, use_resource } from "../api/hooks";
import type { Status, Watch } from "../api/types";
import { wei_of } from "../order/quote";
import { Card, Empty, PageTitle, Waiting } from "../ui/frame";
import { Button, Field } from "../ui/form";
import { SignIn } from "../ui/sign_in";
import { AccountLink, Hex, Money, Term, use_amount } from "../ui/text";
import { HistoryCard } from "./charts";
import { WalletCard } from "./wallet_card";

type Account = NonNullable<Status["account"]>;

/** This node's own account: its money, what it earned and spent, and the ways in and out. */
export function OwnPage() {
  const status = useContext(StatusContext);
  return (
    <>
      <PageTitle title="Account" />
      {!status && <Waiting lines={8} />}
      {status && !status.account && (
        <Card>
          <Empty>This node only watches: it acts for no account.</Empty>
        </Card>
      )}
      {status?.account && <Own account={status.account} status={status} />}
    </>
  );
}

const kFound: Record<string, string> = { agreed: "the same", found: "a wrong claim", stuck: "another result", differs: "another result" };
const kOutcome: Record<string, string> = {
  open: "not over yet",
  stood: "the claim stood",
  withheld: "its provider showed nothing, and lost",
  condemned: "condemned",
  won: "proven, and rewarded",
  won_by_another: "another was first",
};

/** What this node checked of claims that stood alone, and what it earned. Nothing while it checks none. */
function WatchCard() {
  const { data: watch } = use_resource<Watch>("/api/v1/watch", (change) => change.type === "reload" || change.type === "order");
  if (!watch || (!watch.watching && watch.claims.length === 0)) return null;
  return (
    <Card title="Watching" class="flush">
      <p class="story lead" data-watch>
        {watch.watching ? "This node runs claims of optimistic orders again. " : "This node checks the optimistic orders that it ran itself. "}
        So far {watch.agreed} right and {watch.wrong} wrong; <Money wei={watch.earned} /> earned.
        {watch.lost > 0 && <strong class="bad"> {watch.lost === 1 ? "One wrong claim was paid" : `${watch.lost} wrong claims were paid`}, as nobody disputed {watch.lost === 1 ? "it" : "them"} in time.</strong>}
      </p>
      {watch.free !== undefined && watch.fees !== undefined && BigInt(watch.free) < BigInt(watch.fees) && (
        <p class="story hint" data-poor>
          <Money wei={watch.free} /> are free. A dispute with a provider that shows nothing holds <Money wei={watch.fees} /> until it is over, and a challenge one price of its order: put money into the account, or such claims are paid.
        </p>
      )}
      {watch.claims.length > 0 && (
        <table class="list">
          <thead>
            <tr>
              <th scope="col">Order</th>
              <th scope="col">Provider</th>
              <th scope="col">Found</th>
              <th scope="col">Outcome</th>
              <th scope="col" class="number">
                Earned
              </th>
            </tr>
          </thead>
          <tbody>
            {watch.claims.map((claim) => (
              <tr key={claim.order}>
                <th scope="row">
                  <a href={`#/orders/${claim.order}`}>#{claim.order}</a>
                </th>
                <td data-label="Provider">
                  <AccountLink id={claim.provider} />
                </td>
                <td title={claim.text} data-label="Found">
                  {kFound[claim.found] ?? claim.found}
                  {claim.trouble && <small class="trouble">{claim.trouble}</small>}
                </td>
                <td data-label="Outcome">{kOutcome[claim.outcome] ?? claim.outcome}</td>
                <td class="number" data-label="Earned">
                  <Money wei={claim.earned} unit={false} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Card>
  );
}

function Own({ account, status }: { account: Account; status: Status }) {
  const hub = use_hub();
  const { signed_in } = use_connection();
  return (
    <>
      <dl class="figures four">
        <div>
          <dt>Free balance</dt>
          <dd>
            <Money wei={account.balance} />
          </dd>
        </div>
        <div>
          <dt>
            <Term word="stake">Stake</Term>
          </dt>
          <dd>
            <Money wei={account.stake} />
          </dd>
        </div>
        <div>
          <dt>
            <Term word="locked">Locked</Term>
          </dt>
          <dd>
            <Money wei={account.locked} />
          </dd>
        </div>
        <div>
          <dt>
            <Term word="burned">Burned</Term> in all
          </dt>
          <dd>
            <Money wei={status.totals.burned} />
          </dd>
        </div>
      </dl>
      <WatchCard />
      <HistoryCard title="Earned and spent" account={account.id} />
      <div class="pair">
        <Card title="Who may act for it">
          <dl class="facts">
            <dt>Account</dt>
            <dd>
              <AccountLink id={account.id} />
            </dd>
            <dt>
              <Term word="owner">Owner</Term>
            </dt>
            <dd>
              <Hex value={account.owner} what="owner address" address />
            </dd>
            <dt>
              <Term word="operator">Operator</Term>
            </dt>
            <dd>
              <Hex value={account.operator} what="operator address" address />
            </dd>
            <dt>
              <Term word="payout">Paid out to</Term>
            </dt>
            <dd>
              <Hex value={account.payout} what="payout address" address />
            </dd>
          </dl>
          {signed_in ? (
            <p class="actions">
              <Button onClick={() => hub.sign_out()}>Sign out of this tab</Button>
            </p>
          ) : null}
        </Card>
        <WalletCard account={account.id} />
      </div>
      {hub.may_spend && signed_in && <Moves account={account} status={status} />}
      {hub.may_spend && !signed_in && <SignIn why="Moving this node's money needs its token." />}
    </>
  );
}

interface Move {
  name: string;
  path: string;
  button: string;
  hint: string;
}

const kMoves: Move[] = [
  { name: "deposit", path: "deposit", button: "Deposit", hint: "From the tokens of the operator's address into the free balance." },
  { name: "withdraw", path: "withdraw", button: "Withdraw", hint: "From the free balance to the payout address, and never elsewhere." },
  { name: "stake", path: "stake", button: "Stake", hint: "From the free balance: security for the work that this node sells." },
  { name: "unstake", path: "unstake", button: "Ask back", hint: "Stake that is not locked becomes free after the unbonding time." },
];

/** Moves of the node's own money. */
function Moves({ account, status }: { account: Account; status: Status }) {
  const hub = use_hub();
  const amount = use_amount();
  const [move, set_move] = useState<Move>(kMoves[0] as Move);
  const [text, set_text] = useState("");
  const [busy, set_busy] = useState(false);
  const [done, set_done] = useState<string | null>(null);
  const [error, set_error] = useState<string | null>(null);
  const wei = wei_of(text, status.ledger.token_decimals);
  const run = async (what: () => Promise<unknown>, words: string) => {
    set_busy(true);
    set_done(null);
    set_error(null);
    try {
      await what();
      set_done(words);
    } catch (failure) {
      set_error(failure instanceof ApiError && failure.unauthorised ? "The token was not taken: sign out and in again." : (failure as Error).message);
    }
    set_busy(false);
  };
  const go = () => void run(() => hub.post(`/api/v1/account/${move.path}`, { amount: wei }), `Done: ${move.name} of ${amount(wei ?? "0")}.`);
  return (
    <Card title="Move money">
      <div class="switch" role="group" aria-label="What to do">
        {kMoves.map((one) => (
          <button key={one.name} type="button" aria-pressed={one === move} onClick={() => set_move(one)}>
            {one.button}
          </button>
        ))}
      </div>
      <Field label={`Amount (${status.ledger.token_symbol})`} error={text && !wei ? "An amount such as 5 or 0.25 is expected." : null} hint={move.hint}>
        {(ids) => <input {...ids} inputMode="decimal" value={text} onInput={(event) => set_text(event.currentTarget.value)} />}
      </Field>
      <div class="row">
        <Button primary busy={busy} disabled={!wei} onClick={go}>
          {move.button}
        </Button>
        {status.ledger.local && <Free run={run} busy={busy} account={account} decimals={status.ledger.token_decimals} />}
      </div>
      <p class={error ? "bad" : "hint"} role={error ? "alert" : "status"}>
        {error ?? (busy ? "The ledger takes it …" : (done ?? ""))}
      </p>
    </Card>
  );
}

const kFree = 100n;

interface FreeProps {
  run: (what: () => Promise<unknown>, words: string) => Promise<void>;
  busy: boolean;
  account: Account;
  decimals: number;
}

/** Tokens of a local ledger, which are worth nothing. */
function Free({ run, busy, account, decimals }: FreeProps) {
  const hub = use_hub();
  const wei = (kFree * 10n ** BigInt(decimals)).toString();
  const give = async () => {
    await hub.post("/api/v1/faucet", { address: account.operator, tokens: wei });
    await hub.post("/api/v1/account/deposit", { amount: wei });
  };
  return (
    <Button busy={busy} onClick={() => void run(give, `Done: ${kFree} tokens that are worth nothing.`)}>
      Get {kFree.toString()} test tokens
    </Button>
  );
}

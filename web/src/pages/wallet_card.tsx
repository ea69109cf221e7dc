import { useContext, useEffect, useState } from "preact/hooks";
import { StatusContext, use_hub } from "../api/hooks";
import type { Deployment } from "../api/types";
import { wei_of } from "../order/quote";
import { short_hex } from "../format";
import { Card } from "../ui/frame";
import { Button, Field } from "../ui/form";
import { Money, Term } from "../ui/text";
import type { Step } from "../wallet/money";
import { type Wallet, watch_wallets } from "../wallet/wallets";

type Address = `0x${string}`;

/** A browser wallet beside the node's own account: puts tokens into the account. */
export function WalletCard({ account }: { account: number }) {
  const [wallets, set_wallets] = useState<Wallet[]>([]);
  const [used, set_used] = useState<Wallet | null>(null);
  useEffect(() => watch_wallets(set_wallets), []);
  return (
    <Card title="From a browser wallet" class="wallet">
      {!used && (
        <>
          <p class="hint">A wallet can put tokens into the account. Orders are placed by the node: somebody has to hand over the input while providers run it.</p>
          {wallets.length === 0 && <p class="empty-line">No wallet has announced itself in this browser (EIP-6963).</p>}
          <ul class="wallets">
            {wallets.map((wallet) => (
              <li key={wallet.id}>
                <Button onClick={() => set_used(wallet)}>
                  {wallet.icon && <img src={wallet.icon} alt="" width="20" height="20" />} {wallet.name}
                </Button>
              </li>
            ))}
          </ul>
        </>
      )}
      {used && <Connected wallet={used} account={account} leave={() => set_used(null)} />}
    </Card>
  );
}

interface Held {
  address: Address;
  chain: number;
  tokens: bigint | null;
}

/** What the wallet holds; renewed when the person chooses another address or chain. */
function use_held(wallet: Wallet): { held: Held | null; error: string | null; renew: () => void } {
  const ledger = useContext(StatusContext)?.ledger;
  const [held, set_held] = useState<Held | null>(null);
  const [error, set_error] = useState<string | null>(null);
  const [round, set_round] = useState(0);
  const known = ledger !== undefined;
  useEffect(() => {
    if (!ledger) return;
    let gone = false;
    void import("../wallet/money").then(async ({ chain_of, connect, told, tokens_of }) => {
      try {
        const address = await connect(wallet.ethereum);
        const chain = await chain_of(wallet.ethereum);
        const tokens = chain === ledger.chain_id ? await tokens_of(wallet.ethereum, ledger, address) : null;
        if (!gone) set_held({ address, chain, tokens });
        if (!gone) set_error(null);
      } catch (failure) {
        if (!gone) set_error(told(failure));
      }
    });
    const changed = () => set_round((old) => old + 1);
    for (const event of ["accountsChanged", "chainChanged"]) wallet.ethereum.on?.(event, changed);
    return () => {
      gone = true;
      for (const event of ["accountsChanged", "chainChanged"]) wallet.ethereum.removeListener?.(event, changed);
    };
  }, [wallet, known, round]);
  return { held, error, renew: () => set_round((old) => old + 1) };
}

function Connected({ wallet, account, leave }: { wallet: Wallet; account: number; leave: () => void }) {
  const ledger = useContext(StatusContext)?.ledger;
  const { held, error, renew } = use_held(wallet);
  return (
    <>
      {error && (
        <p class="notice bad" role="alert">
          {error}
        </p>
      )}
      {!held && !error && <p class="hint">Asking {wallet.name} …</p>}
      {held && (
        <dl class="facts">
          <dt>{wallet.name}</dt>
          <dd>
            <code>{short_hex(held.address)}</code>
          </dd>
          <dt>Holds</dt>
          <dd>{held.tokens === null ? "another chain" : <Money wei={held.tokens.toString()} />}</dd>
        </dl>
      )}
      {held && ledger && held.chain !== ledger.chain_id && <Switch wallet={wallet} chain={held.chain} renew={renew} />}
      {held && held.tokens !== null && <DepositForm wallet={wallet} from={held.address} account={account} renew={renew} />}
      <Button onClick={leave}>Leave the wallet</Button>
    </>
  );
}

function Switch({ wallet, chain, renew }: { wallet: Wallet; chain: number; renew: () => void }) {
  const hub = use_hub();
  const ledger = useContext(StatusContext)?.ledger;
  const [error, set_error] = useState<string | null>(null);
  const move = async () => {
    const { switch_chain, told } = await import("../wallet/money");
    try {
      const { rpc_url } = await hub.get<Deployment>("/api/v1/deployment");
      await switch_chain(wallet.ethereum, ledger?.chain_id ?? 0, rpc_url);
      set_error(null);
      renew();
    } catch (failure) {
      set_error(told(failure));
    }
  };
  return (
    <div class="notice warn">
      <p>
        The wallet is on chain {chain}; this market is on chain {ledger?.chain_id}.
      </p>
      {error && <p role="alert">{error}</p>}
      <Button onClick={() => void move()}>Switch the wallet to chain {ledger?.chain_id}</Button>
    </div>
  );
}

const kSteps: Record<Step, string> = {
  checking: "Looking at the wallet …",
  allow: "1 of 2: allow the registry to take this amount, in the wallet …",
  allowing: "1 of 2: the ledger takes the allowance …",
  send: "Confirm the deposit in the wallet …",
  sending: "The ledger takes the deposit …",
  done: "Deposited.",
};

function DepositForm({ wallet, from, account, renew }: { wallet: Wallet; from: Address; account: number; renew: () => void }) {
  const ledger = useContext(StatusContext)?.ledger;
  const [text, set_text] = useState("");
  const [step, set_step] = useState<Step | null>(null);
  const [error, set_error] = useState<string | null>(null);
  const wei = ledger && wei_of(text, ledger.token_decimals);
  const busy = step !== null && step !== "done";
  const move = async () => {
    if (!ledger || !wei) return;
    const { deposit, told } = await import("../wallet/money");
    set_error(null);
    try {
      await deposit(wallet.ethereum, ledger, from, account, BigInt(wei), set_step);
      renew();
    } catch (failure) {
      set_step(null);
      set_error(told(failure));
    }
  };
  return (
    <>
      <Field
        label={`Put into account #${account} (${ledger?.token_symbol ?? "tokens"})`}
        error={error ?? (text && !wei ? "An amount such as 5 or 0.25 is expected." : null)}
        hint={
          <>
            It becomes the account's free balance, which only its owner and <Term word="operator">operator</Term> can spend.
          </>
        }
      >
        {(ids) => <input {...ids} inputMode="decimal" value={text} onInput={(event) => set_text(event.currentTarget.value)} />}
      </Field>
      <Button primary busy={busy} disabled={!wei} onClick={() => void move()}>
        Deposit
      </Button>
      <p class="hint" role="status">
        {step && kSteps[step]}
      </p>
    </>
  );
}

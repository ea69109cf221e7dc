import { useState } from "preact/hooks";
import { use_resource } from "../api/hooks";
import type { Provider } from "../api/types";
import { percent } from "../format";
import { type Column, sorted, weight_share } from "../market/providers";
import { Chip } from "../ui/chips";
import { Card, Empty, PageTitle, Problem, Waiting } from "../ui/frame";
import { Hex, Money, Term } from "../ui/text";

/** Who sells work: stake, record, price, earnings, slashes. */
export function ProvidersPage() {
  const { data: providers, error } = use_resource<Provider[]>(
    "/api/v1/providers?limit=1000",
    (change) => change.type === "reload" || change.type === "provider",
  );
  return (
    <>
      <PageTitle title="Providers" />
      <p class="story">
        Computers that do the work. Each has put up a <Term word="stake">stake</Term>, which is <Term word="slashed">slashed</Term> for wrong work and for
        silence, and is <Term word="drawn">drawn</Term> at random by stake, price and record.
      </p>
      {error && (!error.unreachable || !providers) && <Problem error={error} />}
      {providers ? <ProviderTable providers={providers} /> : !error && <Waiting lines={6} />}
    </>
  );
}

function ProviderTable({ providers }: { providers: Provider[] }) {
  const [column, set_column] = useState<Column>("weight");
  if (providers.length === 0)
    return (
      <Card>
        <Empty>
          Nobody sells work yet. Start with <code>koinon provide</code>.
        </Empty>
      </Card>
    );
  const head = (name: Column, label: preact.ComponentChildren) => (
    <th scope="col" class="number" aria-sort={column === name ? "descending" : "none"}>
      <button type="button" onClick={() => set_column(name)}>
        {label}
      </button>
    </th>
  );
  return (
    <>
      <Card class="flush">
        <table class="list providers">
          <thead>
            <tr>
              <th scope="col">Provider</th>
              {head("weight", "Chance")}
              {head("price", "Price")}
              {head("stake", "Stake")}
              {head("accepted", "Record")}
              {head("earned", "Earned")}
              {head("slashed", "Slashed")}
              <th scope="col">Status</th>
            </tr>
          </thead>
          <tbody>
            {sorted(providers, column).map((provider) => (
              <ProviderRow key={provider.account} provider={provider} all={providers} />
            ))}
          </tbody>
        </table>
      </Card>
      <p class="hint">
        Chance is the provider's part of the whole <Term word="weight">weight</Term>. Record counts accepted, rejected and{" "}
        <Term word="silent">silent</Term> work. <span class="wide-only">Press a heading to sort.</span>
      </p>
    </>
  );
}

function ProviderRow({ provider, all }: { provider: Provider; all: Provider[] }) {
  return (
    <tr class="link" data-provider={provider.account}>
      <th scope="row">
        <a class="cover" href={`#/providers/${provider.account}`}>
          #{provider.account}
        </a>
        <span class="under">
          <Hex value={provider.operator} what="operator address" address />
        </span>
      </th>
      <td class="number" data-label="Chance">
        {percent(weight_share(provider, all))}
      </td>
      <td class="number" data-label="Price">
        {provider.price === null ? <span class="none">no offer</span> : <Money wei={provider.price} unit={false} />}
      </td>
      <td class="number stake" data-label="Stake">
        <Money wei={provider.stake} unit={false} />
        {provider.locked !== "0" && (
          <small class="locked" title="Held by open orders">
            <Money wei={provider.locked} unit={false} /> locked
          </small>
        )}
      </td>
      <td class="number" data-label="Record">
        <Record provider={provider} />
      </td>
      <td class="number" data-label="Earned">
        <Money wei={provider.earned} tone="good" unit={false} />
      </td>
      <td class="number" data-label="Slashed">
        <Money wei={provider.slashed} tone="bad" unit={false} />
      </td>
      <td data-label="Status">{provider.active ? <Chip tone="good">Active</Chip> : <Chip tone="idle">Not drawn</Chip>}</td>
    </tr>
  );
}

function Record({ provider }: { provider: Provider }) {
  const { accepted, rejected, silent, streak } = provider;
  if (accepted + rejected + silent === 0) return <span class="none">none yet</span>;
  return (
    <span class="record" title={`${streak} accepted in a row`}>
      <span class="good">{accepted} ok</span>
      {rejected > 0 && <span class="bad">{rejected} wrong</span>}
      {silent > 0 && <span class="warn">{silent} silent</span>}
      {streak > 1 && <small>{streak} in a row</small>}
    </span>
  );
}

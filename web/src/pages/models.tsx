import { use_orders, use_resource } from "../api/hooks";
import type { CheckRecord, Model, ModelRecord, OrderSummary, Port } from "../api/types";
import { bytes, percent, plural, seconds_of } from "../format";
import { Chip } from "../ui/chips";
import { Card, Empty, PageTitle, Problem, Waiting } from "../ui/frame";
import { Picture } from "../ui/picture";
import { Hex, Money, Term } from "../ui/text";

/** The models that this node knows, as cards. */
export function ModelsPage() {
  const { data: models, error } = use_resource<Model[]>("/api/v1/models", (change) => change.type === "reload");
  const { orders } = use_orders(true);
  return (
    <>
      <PageTitle title="Models" />
      {error && (!error.unreachable || !models) && <Problem error={error} />}
      {!models && !error && <Waiting lines={6} />}
      {models?.length === 0 && (
        <Card>
          <Empty>
            No models yet. Compile one with <code>koinon model build</code> and order a run of it with <code>koinon order</code>.
          </Empty>
        </Card>
      )}
      <div class="models">{models?.map((model) => <ModelCard key={model.program} model={model} last={last_run(orders, model)} />)}</div>
    </>
  );
}

/** The newest own order of a model that has an answer. */
function last_run(orders: readonly OrderSummary[] | null, model: Model): OrderSummary | null {
  return orders?.find((order) => order.program === model.program && order.answer) ?? null;
}

/** "image int8[1×28×28]". */
export function ports(list: readonly Port[]): string {
  return list.map((port) => `${port.name} ${port.dtype}[${port.shape.join("×")}]`).join(", ");
}

const name_of = (model: Model) => model.name || `${model.program.slice(0, 10)}…`;

/** A model as one of several to choose from. */
export function ModelChoice({ model, chosen, choose }: { model: Model; chosen: boolean; choose: () => void }) {
  return (
    <label class={chosen ? "choice chosen" : "choice"} data-choice={model.program}>
      <input type="radio" name="model" checked={chosen} onChange={choose} />
      <span>
        <strong>{name_of(model)}</strong>
        <span class="aside">
          {[typeof model.accuracy === "number" ? `${(model.accuracy * 100).toFixed(1)} % right` : null, model.licence || null, bytes(model.size)].filter(Boolean).join(" · ")}
        </span>
        {model.trouble ? <span class="aside bad">It cannot be used: {model.trouble}</span> : model.description && <span class="aside clip">{model.description}</span>}
      </span>
    </label>
  );
}

function ModelCard({ model, last }: { model: Model; last: OrderSummary | null }) {
  return (
    <article class="card model" data-program={model.program}>
      <header>
        <div>
          <h2>{name_of(model)}</h2>
          <p class="aside">{model.author ? `by ${model.author}` : "its author is not named"}</p>
        </div>
        {typeof model.accuracy === "number" && (
          <p class="accuracy" title={model.accuracy_data ?? "Measured on the test set of its card"}>
            <strong>{(model.accuracy * 100).toFixed(1)} %</strong>
            <span>accuracy</span>
          </p>
        )}
      </header>
      {model.trouble && <p class="description bad">It cannot be used: {model.trouble}</p>}
      {last && <LastRun order={last} picture={!model.language} />}
      {model.description && <p class="description">{model.description}</p>}
      <dl class="facts">
        <dt>Takes</dt>
        <dd>{model.language ? `a prompt; text of up to ${model.language.context} tokens` : ports(model.inputs)}</dd>
        <dt>Gives</dt>
        <dd>{model.language ? "the text that follows" : ports(model.outputs)}</dd>
        <dt>Licence</dt>
        <dd>{model.licence || <span class="none">not stated</span>}</dd>
        <dt>Author's price</dt>
        <dd>{model.price === null ? "none" : <Money wei={model.price} />}</dd>
        <dt>Size</dt>
        <dd>{bytes(model.size)}</dd>
        <dt>
          <Term word="program">Program</Term>
        </dt>
        <dd>
          <Hex value={model.program} what="program id" ends={6} />
        </dd>
      </dl>
      <Methods model={model} />
      <p class="actions">
        {model.language ? (
          <code>koinon order {model.program.slice(0, 18)} --prompt "..." --price ...</code>
        ) : (
          <a class="button primary" href={`#/new/${model.program}`}>
            Order a run
          </a>
        )}
      </p>
    </article>
  );
}

function LastRun({ order, picture }: { order: OrderSummary; picture: boolean }) {
  return (
    <a class="last-run" href={`#/orders/${order.id}`}>
      {picture && <Picture path={`/api/v1/orders/${order.id}/picture`} alt="" size={72} />}
      <span>
        <small>Your last run, order #{order.id}</small>
        <strong>{order.answer}</strong>
      </span>
    </a>
  );
}

const kHow: Record<string, string> = {
  quorum: "providers agree bit for bit; audits by chance",
  optimistic: "one provider; one wrong element, shown by anybody, costs it what it locked",
  proof: "one provider, and a proof of its run that anybody checks in milliseconds",
};

/** How a result of the model can be trusted, side by side, with what was measured here. */
function Methods({ model }: { model: Model }) {
  const { data: record } = use_resource<ModelRecord>(`/api/v1/models/${model.program}/record`, (change) => change.type === "reload" || (change.type === "order" && change.order.state === "settled"));
  return (
    <table class="methods">
      <caption>Ways to trust a result</caption>
      <thead>
        <tr>
          <th scope="col">Check</th>
          <th scope="col">Time</th>
          <th scope="col">Cost</th>
        </tr>
      </thead>
      <tbody>
        {model.policies.map((policy) => (
          <tr key={`${policy.check}/${policy.privacy}`} data-check={policy.check}>
            <th scope="row">
              <Chip tone="good">
                {policy.check} · {policy.privacy}
              </Chip>
              <small>{kHow[policy.check]}</small>
            </th>
            <Measured record={record?.checks.find((one) => one.check === policy.check) ?? null} />
          </tr>
        ))}
        <tr data-check="local proof">
          <th scope="row">
            <Chip tone="idle">proof · local</Chip>
            <small>
              <code>koinon prove</code> makes a zero-knowledge proof that anyone can check, on your own machine.
            </small>
          </th>
          <td class="none" data-label="Time">not measured</td>
          <td class="none" data-label="Cost">your own time</td>
        </tr>
      </tbody>
    </table>
  );
}

function Measured({ record }: { record: CheckRecord | null }) {
  if (!record || record.median_ms === null || record.slow_ms === null)
    return (
      <>
        <td class="none" data-label="Time">not measured</td>
        <td class="none" data-label="Cost">no orders yet</td>
      </>
    );
  const runs = `Over ${plural(record.settled, "settled order")} on this market; in ${percent(record.disputed / record.settled)} of them somebody was slashed`;
  return (
    <>
      <td title={runs} data-label="Time">
        {seconds_of(record.median_ms)}
        <small>
          9 of 10 in {seconds_of(record.slow_ms)}; {plural(record.settled, "order")}
        </small>
      </td>
      <td data-label="Cost">
        {record.mean_cost !== null && <Money wei={record.mean_cost} mean />}
        <small>mean of an order</small>
      </td>
    </>
  );
}

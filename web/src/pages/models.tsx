import { use_resource } from "../api/hooks";
import type { Model, Port } from "../api/types";
import { bytes } from "../format";
import { Chip } from "../ui/chips";
import { Card, Empty, PageTitle, Problem, Waiting } from "../ui/frame";
import { Hex, Money, Term } from "../ui/text";

/** The models that this node knows, as cards. */
export function ModelsPage() {
  const { data: models, error } = use_resource<Model[]>("/api/v1/models", (change) => change.type === "reload");
  return (
    <>
      <PageTitle title="Models" />
      {error && (!error.unreachable || !models) && <Problem error={error} />}
      {!models && !error && <Waiting lines={6} />}
      {models?.length === 0 && (
        <Card>
          <Empty>
            No models yet. Compile one with <code>koinon model build</code>.
          </Empty>
        </Card>
      )}
      <div class="models">{models?.map((model) => <ModelCard key={model.program} model={model} />)}</div>
    </>
  );
}

function ports(list: readonly Port[]): string {
  return list.map((port) => `${port.name} ${port.dtype}[${port.shape.join("×")}]`).join(", ");
}

function ModelCard({ model }: { model: Model }) {
  return (
    <article class="card model" data-program={model.program}>
      <header>
        <div>
          <h2>{model.name}</h2>
          <p class="aside">by {model.author}</p>
        </div>
        {typeof model.accuracy === "number" && (
          <p class="accuracy" title={model.accuracy_data ?? "Measured on the test set of its card"}>
            <strong>{(model.accuracy * 100).toFixed(1)} %</strong>
            <span>accuracy</span>
          </p>
        )}
      </header>
      <p class="description">{model.description}</p>
      <dl class="facts">
        <dt>Takes</dt>
        <dd>{ports(model.inputs)}</dd>
        <dt>Gives</dt>
        <dd>{ports(model.outputs)}</dd>
        <dt>Licence</dt>
        <dd>{model.licence}</dd>
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
      <p class="policies">
        {model.policies.map((policy) => (
          <Chip key={`${policy.check}/${policy.privacy}`} tone="idle">
            {policy.check} · {policy.privacy}
          </Chip>
        ))}
      </p>
    </article>
  );
}

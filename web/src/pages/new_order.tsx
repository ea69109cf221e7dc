import { useContext, useEffect, useState } from "preact/hooks";
import { formatUnits } from "viem/utils";
import { StatusContext, use_connection, use_hub, use_resource } from "../api/hooks";
import type { Model, Provider } from "../api/types";
import type { Draft } from "../order/input";
import { fair_price } from "../order/quote";
import { Card, Empty, PageTitle, Problem, Waiting } from "../ui/frame";
import { SignIn } from "../ui/sign_in";
import { ModelChoice } from "./models";
import { InputCard } from "./new_order_input";
import { PromptCard } from "./new_order_prompt";
import { kTerms, PayCard, type OrderTerms, TermsCard } from "./new_order_terms";

/** Places an order: which model, on what, for how much. */
export function NewOrderPage({ program }: { program: string | null }) {
  const hub = use_hub();
  const { data: models, error } = use_resource<Model[]>("/api/v1/models", (change) => change.type === "reload");
  return (
    <>
      <PageTitle title="Place an order" />
      {!hub.may_spend && <FromAfar />}
      {error && (!error.unreachable || !models) && <Problem error={error} />}
      {!models && !error && <Waiting lines={10} />}
      {models?.length === 0 && (
        <Card>
          <Empty>
            This node knows no model yet. Compile one and give it to the node: <code>koinon model build net.onnx -o net.koinon</code>, then{" "}
            <code>koinon order net.koinon --input picture.png --price 0.002</code>; from then on it is listed here.
          </Empty>
        </Card>
      )}
      {models && models.length > 0 && <Form models={models} asked={program} />}
    </>
  );
}

function FromAfar() {
  return (
    <div class="notice warn">
      <strong>This node takes orders from its own machine alone.</strong> You can look at prices here. To order, open the page through a tunnel:{" "}
      <code>ssh -L 7070:127.0.0.1:7070 {location.hostname}</code>, then <code>http://127.0.0.1:7070</code>.
    </div>
  );
}

function Form({ models, asked }: { models: Model[]; asked: string | null }) {
  const hub = use_hub();
  const { signed_in } = use_connection();
  const [program, set_program] = useState(asked);
  const [draft, set_draft] = useState<Draft | null>(null);
  const [terms, set_terms] = useState<OrderTerms>(kTerms);
  const model = models.find((one) => one.program === program) ?? models[0];
  use_fair_price(terms, set_terms);
  if (!model) return null;
  const { language } = model;
  const fitting = draft && "text" in draft.input === Boolean(language) ? draft : null;
  const offered = terms.check === "quorum" || model.policies.some((one) => one.check === terms.check) ? terms : { ...terms, check: kTerms.check, n: kTerms.n };
  return (
    <>
      <fieldset class="choices">
        <legend>
          <h2>1. Model</h2>
        </legend>
        {models.map((one) => (
          <ModelChoice key={one.program} model={one} chosen={one === model} choose={() => set_program(one.program)} />
        ))}
      </fieldset>
      {language ? (
        <PromptCard key={model.program} model={{ ...model, language }} draft={fitting} set_draft={set_draft} />
      ) : (
        <InputCard key={model.program} model={model} draft={fitting} set_draft={set_draft} />
      )}
      <div class="pair">
        <TermsCard model={model} terms={offered} set_terms={set_terms} />
        <PayCard model={model} draft={fitting} terms={offered} />
      </div>
      {hub.may_spend && !signed_in && <SignIn why="An order spends this node's money, so the node asks who you are." />}
    </>
  );
}

/** Fills in a price once the offers are known, as long as nobody typed one. */
function use_fair_price(terms: OrderTerms, set_terms: (change: (old: OrderTerms) => OrderTerms) => void): void {
  const decimals = useContext(StatusContext)?.ledger.token_decimals;
  const { data: providers } = use_resource<Provider[]>("/api/v1/providers?limit=1000", (change) => change.type === "reload");
  const wei = providers && fair_price(providers, terms.n);
  useEffect(() => {
    if (wei && decimals !== undefined) set_terms((old) => (old.typed ? old : { ...old, price: formatUnits(BigInt(wei), decimals) }));
  }, [wei, decimals, set_terms]);
}

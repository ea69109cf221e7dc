import type { Order, Output } from "../api/types";
import { percent } from "../format";
import { best, class_scores, type Score, shown_scores } from "../order/scores";
import { sampling_words } from "../order/prompt";
import { is_final } from "../order/stages";
import { Card } from "../ui/frame";
import { Picture } from "../ui/picture";
import { Trained } from "./order_training";

/** The input beside what came out. */
export function AnswerCard({ order }: { order: Order }) {
  const scores = first_scores(order.outputs);
  return (
    <div class="answer-pair">
      <Card title="Input">
        <InputView order={order} />
      </Card>
      <Card title="Answer">
        {order.training ? <Trained id={order.id} training={order.training} /> : order.text?.text != null ? <Continued text={order.text} /> : scores ? <Scores scores={scores} answer={order.answer} /> : order.outputs ? <Tensors outputs={order.outputs} /> : <NoAnswer order={order} />}
      </Card>
    </div>
  );
}

/** A text of a language model: the prompt, and what came behind it. */
function Continued({ text }: { text: NonNullable<Order["text"]> }) {
  return (
    <>
      <p class="continued">
        <span class="prompt">{text.prompt}</span>
        <strong>{text.text}</strong>
      </p>
      <p class="hint">
        {text.generated} tokens behind {text.prompt_tokens} of prompt{text.ending === "end" && ", to the end of the text"}; {sampling_words(text)}; seed <code>{text.seed.slice(0, 14)}…</code>
      </p>
    </>
  );
}

function first_scores(outputs: readonly Output[] | null): Score[] | null {
  for (const output of outputs ?? []) {
    const scores = class_scores(output);
    if (scores) return scores;
  }
  return null;
}

function InputView({ order }: { order: Order }) {
  const { picture_url, label } = order.input;
  if (order.kind === "training") return <p class="empty">{order.input.label ?? "A recipe"} and its data, sealed to the providers that were drawn.</p>;
  if (order.text) return <p class="continued">{order.text.prompt}</p>;
  if (!picture_url)
    return (
      <p class="empty">
        {order.mine ? "This input is not a picture." : "Only the buyer and the providers drawn can read the input: it is encrypted to them."}
      </p>
    );
  return (
    <figure class="picture">
      <Picture path={picture_url} alt={label ? `Input: ${label}` : "The input of the order"} size={224} />
      {label && <figcaption>{label}</figcaption>}
    </figure>
  );
}

function NoAnswer({ order }: { order: Order }) {
  if (order.state === "refunded") return <p class="empty">There is none: the order was refunded.</p>;
  if (!order.mine) return <p class="empty">Only the buyer can read the answer: it is encrypted to them.</p>;
  return <p class="empty">{is_final(order.state) ? "The answer is not on this node." : "It appears here as soon as enough providers agree."}</p>;
}

function Scores({ scores, answer }: { scores: Score[]; answer: string | null }) {
  const top = best(scores);
  const shown = shown_scores(scores);
  return (
    <div class="scores">
      {top && (
        <p class="headline" title={answer ?? undefined}>
          <strong>{top.label}</strong>
          <span>{percent(top.share)}</span>
        </p>
      )}
      <table class="bars">
        <caption>Score of each class</caption>
        <tbody>
          {shown.map((score) => (
            <tr key={score.index} class={score.index === top?.index ? "best" : ""}>
              <th scope="row">{score.label}</th>
              <td class="wide">
                <span class="bar">
                  <i style={{ width: `${score.share * 100}%` }} />
                </span>
              </td>
              <td class="number">{percent(score.share)}</td>
              <td class="number raw">{score.value.toFixed(3)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length < scores.length && (
        <p class="hint">
          The {shown.length} highest of {scores.length} classes.
        </p>
      )}
    </div>
  );
}

const kShownNumbers = 24;

function Tensors({ outputs }: { outputs: readonly Output[] }) {
  return (
    <dl class="facts">
      {outputs.map((output) => (
        <>
          <dt>
            {output.name} <small>[{output.shape.join(", ")}]</small>
          </dt>
          <dd>
            <code>
              {output.data ? output.data.slice(0, kShownNumbers).map((value) => value.toPrecision(4)).join(", ") : "too large to show"}
              {output.data && output.data.length > kShownNumbers && " …"}
            </code>
          </dd>
        </>
      ))}
    </dl>
  );
}

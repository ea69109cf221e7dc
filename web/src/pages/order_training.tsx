import type { Order } from "../api/types";
import { bytes } from "../format";
import { course_of } from "../order/losses";
import { Download } from "../ui/download";
import { Hex } from "../ui/text";

/** What came of training: how the loss fell, and the model. */
export function Trained({ id, training }: { id: string; training: NonNullable<Order["training"]> }) {
  const course = course_of(training.losses);
  return (
    <div class="trained">
      {course && (
        <figure>
          <svg viewBox="0 0 600 180" role="img" aria-label={`Loss from ${course.first} to ${course.last} in ${training.steps} steps`}>
            <line x1="0" y1="179" x2="600" y2="179" />
            <polyline points={course.points} />
          </svg>
          <figcaption>
            Loss <strong>{course.first}</strong> to <strong>{course.last}</strong> in {training.steps} steps
          </figcaption>
        </figure>
      )}
      <p class="hint">
        State after the last step <Hex value={training.state_root ?? ""} what="state root" />: whoever trains this recipe on this data gets the same one.
      </p>
      <p>
        <Download path={training.model_url} name={`order-${id}.onnx`}>{`Download the model (${bytes(training.model_bytes)})`}</Download>
      </p>
    </div>
  );
}

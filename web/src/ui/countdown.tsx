import { useContext } from "preact/hooks";
import { SkewContext, use_now } from "../api/hooks";
import { long_span } from "../format";

/** How long the present phase may still last; nothing in final states. Counts by the node's clock. */
export function Countdown({ deadline }: { deadline: number | null }) {
  const now = use_now(1_000);
  const skew = useContext(SkewContext);
  if (deadline === null) return null;
  const left = Math.max(0, Math.ceil((deadline - now - skew) / 1000));
  return (
    <p class="countdown" role="timer">
      {left > 0 ? (
        <>
          This phase ends in <strong>{long_span(left)}</strong> at the latest.
        </>
      ) : (
        "The time of this phase is over: the order moves on with the next block."
      )}
    </p>
  );
}

/** The course of a loss as points of a picture of 600 by 180, and its ends as texts; null where there is nothing to draw. */
export interface Course {
  points: string;
  first: string;
  last: string;
}

const kWidth = 600;
const kHeight = 176;

export function course_of(losses: readonly (number | null)[][]): Course | null {
  const known = losses.flatMap(([step, loss]) => (typeof step === "number" && typeof loss === "number" ? [{ step, loss }] : []));
  const first = known[0];
  const last = known[known.length - 1];
  if (!first || !last || known.length < 2) return null;
  const top = Math.max(...known.map((one) => one.loss));
  const low = Math.min(0, ...known.map((one) => one.loss));
  const span = top - low || 1;
  const steps = last.step - first.step || 1;
  const at = ({ step, loss }: { step: number; loss: number }) =>
    `${(((step - first.step) / steps) * kWidth).toFixed(1)},${(2 + (1 - (loss - low) / span) * kHeight).toFixed(1)}`;
  return { points: known.map(at).join(" "), first: first.loss.toPrecision(3), last: last.loss.toPrecision(3) };
}

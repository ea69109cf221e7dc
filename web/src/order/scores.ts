import type { Output } from "../api/types";

export interface Score {
  index: number;
  label: string;
  /** As the program gives it. */
  value: number;
  /** 0..1; all shares add up to 1. */
  share: number;
}

const kMostClasses = 10_000;

/**
 * The classes of an output that is one vector of scores, in class order; null for outputs of any other shape. Scores that are
 * not already probabilities are turned into shares by softmax.
 */
export function class_scores(output: Output): Score[] | null {
  const data = output.data;
  const classes = output.shape[output.shape.length - 1] ?? 0;
  if (!data || classes < 2 || classes > kMostClasses || data.length !== classes) return null;
  if (!data.every(Number.isFinite)) return null;
  const shares = are_probabilities(data) ? data : softmax(data);
  return data.map((value, index) => ({ index, label: output.labels?.[index] ?? String(index), value, share: shares[index] ?? 0 }));
}

/** The highest score; the lowest index wins a tie, as in the engine. */
export function best(scores: readonly Score[]): Score | undefined {
  return scores.reduce<Score | undefined>((top, score) => (top && top.value >= score.value ? top : score), undefined);
}

/** All classes when they are few, else the `most` highest, best first. */
export function shown_scores(scores: readonly Score[], most = 12): Score[] {
  if (scores.length <= most) return [...scores];
  return [...scores].sort((a, b) => b.value - a.value || a.index - b.index).slice(0, most);
}

function are_probabilities(data: readonly number[]): boolean {
  const sum = data.reduce((total, value) => total + value, 0);
  return data.every((value) => value >= 0 && value <= 1) && Math.abs(sum - 1) < 0.02;
}

function softmax(data: readonly number[]): number[] {
  const top = Math.max(...data);
  const powers = data.map((value) => Math.exp(value - top));
  const sum = powers.reduce((total, value) => total + value, 0);
  // No class is certain, even where the others are below what a number holds beside 1.
  return powers.map((value) => Math.min(value / sum, 1 - Number.EPSILON));
}

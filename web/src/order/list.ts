import type { OrderSummary } from "../api/types";

/** Newest first: by time, then by number, then by text of the id. */
export function newest_first(a: OrderSummary, b: OrderSummary): number {
  if (a.placed_at !== b.placed_at) return b.placed_at - a.placed_at;
  if (a.id.length !== b.id.length) return b.id.length - a.id.length;
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
}

/** The list with the newer versions of `changed` in place of the old ones, each order once, newest first. */
export function merge(list: readonly OrderSummary[], changed: readonly OrderSummary[]): OrderSummary[] {
  const by_id = new Map(list.map((order) => [order.id, order]));
  for (const order of changed) by_id.set(order.id, order);
  return [...by_id.values()].sort(newest_first);
}

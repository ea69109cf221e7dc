import type { Provider } from "../api/types";

/** Columns that the list of providers can be sorted by. */
export type Column = "weight" | "price" | "stake" | "accepted" | "earned" | "slashed";

function key(provider: Provider, column: Column): bigint {
  // The cheapest offer comes first, accounts without an offer last.
  if (column === "price") return provider.price === null ? -(1n << 256n) : -BigInt(provider.price);
  return BigInt(provider[column]);
}

/** Highest first (price: lowest first); ties by account. */
export function sorted(providers: readonly Provider[], column: Column): Provider[] {
  return [...providers].sort((a, b) => {
    const x = key(a, column);
    const y = key(b, column);
    return x === y ? a.account - b.account : x < y ? 1 : -1;
  });
}

/** A provider's chance in a draw among `all`, 0..1. */
export function weight_share(provider: Provider, all: readonly Provider[]): number {
  const total = all.reduce((sum, other) => sum + (other.active ? other.weight : 0), 0);
  return provider.active && total > 0 ? provider.weight / total : 0;
}

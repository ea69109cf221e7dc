import { useEffect, useState } from "preact/hooks";

/** Where the page is: the part of the address after #. */
export type Route =
  | { page: "overview" }
  | { page: "order"; id: string }
  | { page: "providers"; account: number | null }
  | { page: "models" }
  | { page: "new"; program: string | null }
  | { page: "account" }
  | { page: "words" }
  | { page: "missing" };

/** Reads a hash such as "#/orders/12". */
export function parse_route(hash: string): Route {
  const [head = "", tail, ...rest] = hash.replace(/^#?\/?/, "").split("/");
  if (rest.length > 0) return { page: "missing" };
  if (head === "" && tail === undefined) return { page: "overview" };
  if (head === "orders" && tail && /^[0-9a-z-]{1,40}$/.test(tail)) return { page: "order", id: tail };
  if (head === "providers" && tail === undefined) return { page: "providers", account: null };
  if (head === "providers" && tail && /^[1-9][0-9]{0,9}$/.test(tail)) return { page: "providers", account: Number(tail) };
  if (head === "models" && tail === undefined) return { page: "models" };
  if (head === "new" && tail === undefined) return { page: "new", program: null };
  if (head === "new" && tail && /^0x[0-9a-f]{64}$/.test(tail)) return { page: "new", program: tail };
  if (head === "account" && tail === undefined) return { page: "account" };
  if (head === "words" && tail === undefined) return { page: "words" };
  return { page: "missing" };
}

/** The present route; a change re-renders. */
export function use_route(): Route {
  const [hash, set] = useState(location.hash);
  useEffect(() => {
    const changed = () => set(location.hash);
    addEventListener("hashchange", changed);
    changed(); // an effect runs after the first paint: the address may have changed since
    return () => removeEventListener("hashchange", changed);
  }, []);
  return parse_route(hash);
}

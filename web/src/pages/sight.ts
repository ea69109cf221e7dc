import { useEffect, useState } from "preact/hooks";
import { ApiError } from "../api/client";
import { use_hub } from "../api/hooks";
import type { Preview } from "../api/types";
import type { Draft } from "../order/input";

const kSettleMs = 250;

/** The value once it has not changed for a moment. */
export function use_settled<T>(value: T): T {
  const [settled, set] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => set(value), kSettleMs);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

export type Sight = { preview: Preview } | { error: string } | null;

/** Asks the node what the model makes of the draft, once it has settled. Null while it is asked. */
export function use_sight(program: string, draft: Draft | null): Sight {
  const hub = use_hub();
  const settled = use_settled(draft);
  const [sight, set_sight] = useState<Sight>(null);
  useEffect(() => {
    set_sight(null);
    if (!settled || !hub.may_spend) return;
    const abort = new AbortController();
    hub
      .post<Preview>("/api/v1/preview", { program, input: settled.input }, { signal: abort.signal })
      .then((preview) => set_sight({ preview }))
      .catch((failure: unknown) => {
        if (!abort.signal.aborted) set_sight({ error: failure instanceof ApiError ? failure.message : String(failure) });
      });
    return () => abort.abort();
  }, [hub, program, settled]);
  return settled === draft ? sight : null;
}

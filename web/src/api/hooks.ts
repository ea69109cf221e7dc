import { createContext } from "preact";
import { useCallback, useContext, useEffect, useRef, useState } from "preact/hooks";
import { merge } from "../order/list";
import type { ApiError } from "./client";
import type { Change, Connection, Hub } from "./hub";
import type { OrderPage, OrderSummary, Status } from "./types";

export const HubContext = createContext<Hub | null>(null);
export const StatusContext = createContext<Status | null>(null);
/** By how many milliseconds the node's clock is ahead of the browser's. */
export const SkewContext = createContext(0);

export function use_hub(): Hub {
  const hub = useContext(HubContext);
  if (!hub) throw new Error("no hub around this component");
  return hub;
}

export function use_connection(): Connection {
  const hub = use_hub();
  const [connection, set] = useState(hub.connection);
  useEffect(() => {
    set(hub.connection); // it may have changed since the first rendering
    return hub.on_connection(set);
  }, [hub]);
  return connection;
}

export interface Resource<T> {
  data: T | null;
  error: ApiError | null;
}

const kSettleMs = 300;

/**
 * GETs `path` and again, at most once in kSettleMs, when a change `affects` it. Keeps the last data while it reloads and when
 * a reload fails. `affects` is read at each change and need not be stable.
 */
export function use_resource<T>(path: string, affects: (change: Change) => boolean): Resource<T> {
  const hub = use_hub();
  const [state, set_state] = useState<Resource<T> & { path: string }>({ path, data: null, error: null });
  const affects_ref = useRef(affects);
  affects_ref.current = affects;
  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const load = async () => {
      timer = undefined;
      try {
        const data = await hub.get<T>(path, abort.signal);
        if (!abort.signal.aborted) set_state({ path, data, error: null });
      } catch (error) {
        if (abort.signal.aborted) return;
        set_state((old) => ({ path, data: old.path === path ? old.data : null, error: error as ApiError }));
      }
    };
    void load();
    const off = hub.on_change((change) => {
      if (!affects_ref.current(change)) return;
      timer ??= setTimeout(() => void load(), kSettleMs);
    });
    return () => {
      off();
      clearTimeout(timer);
      abort.abort();
    };
  }, [hub, path]);
  return state.path === path ? state : { data: null, error: null };
}

export interface OrderList {
  orders: OrderSummary[] | null;
  error: ApiError | null;
  /** Reads older orders; null when there are none. */
  older: (() => Promise<void>) | null;
}

const kPage = 20;

/** The newest orders, kept current by live events. */
export function use_orders(mine: boolean): OrderList {
  const hub = use_hub();
  const [orders, set_orders] = useState<OrderSummary[] | null>(null);
  const [next, set_next] = useState<string | null>(null);
  const [error, set_error] = useState<ApiError | null>(null);
  const query = `/api/v1/orders?limit=${kPage}${mine ? "&mine=true" : ""}`;
  useEffect(() => {
    const abort = new AbortController();
    let first = true;
    set_orders(null);
    const load = async () => {
      try {
        const page = await hub.get<OrderPage>(query, abort.signal);
        if (abort.signal.aborted) return;
        set_orders((old) => (first || !old ? page.orders : merge(old, page.orders)));
        if (first) set_next(page.next);
        first = false;
        set_error(null);
      } catch (failure) {
        if (!abort.signal.aborted) set_error(failure as ApiError);
      }
    };
    void load();
    const off = hub.on_change((change) => {
      if (change.type === "reload") void load();
      if (change.type === "order" && (!mine || change.order.mine)) set_orders((old) => (old ? merge(old, [change.order]) : old));
    });
    return () => {
      off();
      abort.abort();
    };
  }, [hub, query, mine]);
  const read_older = useCallback(async () => {
    try {
      const page = await hub.get<OrderPage>(`${query}&before=${encodeURIComponent(next ?? "")}`);
      set_orders((old) => merge(old ?? [], page.orders));
      set_next(page.next);
    } catch (failure) {
      set_error(failure as ApiError);
    }
  }, [hub, query, next]);
  return { orders, error, older: next ? read_older : null };
}

/** The present time, renewed every `every_ms`. */
export function use_now(every_ms = 5_000): number {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), every_ms);
    return () => clearInterval(timer);
  }, [every_ms]);
  return now;
}

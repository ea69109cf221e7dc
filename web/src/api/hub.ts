import { ApiError, call, call_bytes, type Call } from "./client";
import { Live, type Link, type Socket } from "./live";
import { is_loopback, type Session } from "./session";
import type { LiveEvent } from "./types";

/** Something that the page shows may have changed: one thing, or (reload) anything. */
export type Change = LiveEvent | { type: "reload" };

/** Whether the node lets this page read: it asks for a token (locked), or refused the one it got (refused). */
export type Access = "open" | "locked" | "refused";

export interface Connection {
  link: Link;
  /** False while the last request got no answer. */
  reachable: boolean;
  access: Access;
  /** A token is kept, so that this page may spend. */
  signed_in: boolean;
}

const kSpendTimeoutMs = 90_000; // the ledger has to take a transaction

/** The page's only way to the node: requests, live changes, and how the connection is. It goes live with the first request. */
export class Hub {
  private readonly change_listeners = new Set<(change: Change) => void>();
  private readonly connection_listeners = new Set<(connection: Connection) => void>();
  private readonly live: Live;
  connection: Connection;

  /** `open` opens a socket for live events; `host` is the name of the machine that the page came from. */
  constructor(
    open: () => Socket,
    readonly session: Session,
    readonly host: string,
  ) {
    this.connection = { link: "connecting", reachable: true, access: "open", signed_in: session.token !== null };
    this.live = new Live(open, {
      event: (event) => this.emit(event),
      reload: () => this.emit({ type: "reload" }),
      link: (link) => this.connect({ link }),
    });
  }


  /** True when the node may take orders of this page: it does so from its own machine alone. */
  get may_spend(): boolean {
    return is_loopback(this.host);
  }

  /** GETs JSON of the API and notes whether the node answered. Throws ApiError. */
  async get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.noted(() => call<T>(path, { signal, token: this.session.token }));
  }

  /** GETs bytes of the API. Throws ApiError. */
  async bytes(path: string, signal?: AbortSignal): Promise<Blob> {
    return this.noted(() => call_bytes(path, { signal, token: this.session.token }));
  }

  /** POSTs JSON with the token, if one is kept. Throws ApiError. */
  async post<T>(path: string, body: unknown, options: Pick<Call, "headers" | "signal"> = {}): Promise<T> {
    return call<T>(path, { ...options, body, token: this.session.token, timeout_ms: kSpendTimeoutMs });
  }

  /** Keeps `token` when the node takes it. Throws ApiError: unauthorised when it does not. */
  async sign_in(token: string): Promise<void> {
    const locked = this.connection.access !== "open";
    if (locked) await call("/api/v1/status", { token });
    else if (this.may_spend) await probe(token);
    this.session.keep(token, locked);
    this.connect({ access: "open", signed_in: true });
    this.live.restart();
  }

  sign_out(): void {
    this.session.forget();
    this.connect({ signed_in: false });
    this.live.restart();
  }

  /** Calls `listener` at each change until the returned function is called. */
  on_change(listener: (change: Change) => void): () => void {
    this.change_listeners.add(listener);
    return () => this.change_listeners.delete(listener);
  }

  on_connection(listener: (connection: Connection) => void): () => void {
    this.connection_listeners.add(listener);
    return () => this.connection_listeners.delete(listener);
  }

  private async noted<T>(request: () => Promise<T>): Promise<T> {
    try {
      const value = await request();
      this.heard(true, "open");
      return value;
    } catch (error) {
      if (error instanceof ApiError) this.heard(!error.unreachable, error.unauthorised ? (this.session.token ? "refused" : "locked") : this.connection.access);
      throw error;
    }
  }

  /** Events are followed, or asked for while the node is down, except of a node that wants a token first. */
  private heard(reachable: boolean, access: Access): void {
    this.connect({ reachable, access });
    if (access === "open") this.live.start();
    else this.live.stop();
  }

  private emit(change: Change): void {
    for (const listener of [...this.change_listeners]) listener(change);
  }

  private connect(news: Partial<Connection>): void {
    const next = { ...this.connection, ...news };
    const same = (Object.keys(next) as (keyof Connection)[]).every((key) => next[key] === this.connection[key]);
    if (same) return;
    this.connection = next;
    for (const listener of [...this.connection_listeners]) listener(next);
  }
}

/** Asks for an order of nothing: the token is looked at first, so that the complaint about the rest says that it is right. */
async function probe(token: string): Promise<void> {
  try {
    await call("/api/v1/orders", { token, body: {} });
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 400) throw error;
  }
}

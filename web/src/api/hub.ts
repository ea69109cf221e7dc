import { get as fetch_json, ApiError } from "./client";
import { Live, type Link, type Socket } from "./live";
import type { LiveEvent } from "./types";

/** Something that the page shows may have changed: one thing, or (reload) anything. */
export type Change = LiveEvent | { type: "reload" };

export interface Connection {
  link: Link;
  /** False while the last request got no answer. */
  reachable: boolean;
}

/** The page's only way to the node: requests, live changes, and how the connection is. */
export class Hub {
  private readonly change_listeners = new Set<(change: Change) => void>();
  private readonly connection_listeners = new Set<(connection: Connection) => void>();
  private readonly live: Live;
  connection: Connection = { link: "connecting", reachable: true };

  constructor(open: () => Socket) {
    this.live = new Live(open, {
      event: (event) => this.emit(event),
      reload: () => this.emit({ type: "reload" }),
      link: (link) => this.connect({ link }),
    });
  }

  start(): void {
    this.live.start();
  }

  /** GETs JSON of the API and notes whether the node answered. Throws ApiError. */
  async get<T>(path: string, signal?: AbortSignal): Promise<T> {
    try {
      const value = await fetch_json<T>(path, signal);
      this.connect({ reachable: true });
      return value;
    } catch (error) {
      if (error instanceof ApiError) this.connect({ reachable: !error.unreachable });
      throw error;
    }
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

  private emit(change: Change): void {
    for (const listener of [...this.change_listeners]) listener(change);
  }

  private connect(news: Partial<Connection>): void {
    const next = { ...this.connection, ...news };
    if (next.link === this.connection.link && next.reachable === this.connection.reachable) return;
    this.connection = next;
    for (const listener of [...this.connection_listeners]) listener(next);
  }
}

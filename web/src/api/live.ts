import type { LiveEvent } from "./types";

/** How news arrive: over the WebSocket (live) or by asking again and again (polling). */
export type Link = "connecting" | "live" | "polling";

/** The part of WebSocket that is used here. */
export interface Socket {
  onopen: (() => void) | null;
  onclose: (() => void) | null;
  onmessage: ((message: { data: unknown }) => void) | null;
  close(): void;
}

export interface LiveHandler {
  event(event: LiveEvent): void;
  link(link: Link): void;
  /** Everything may have changed: read it again. */
  reload(): void;
}

export const kPollMs = 3_000;
const kRetryMs = [1_000, 2_000, 4_000, 8_000, 15_000];

/**
 * Keeps a WebSocket to the node open. While it is down, asks the handler to reload every kPollMs and tries the socket again
 * with growing pauses; each (re)connection reloads once, because events may have been missed.
 */
export class Live {
  private socket: Socket | null = null;
  private attempt = 0;
  private poll_timer: ReturnType<typeof setInterval> | undefined;
  private retry_timer: ReturnType<typeof setTimeout> | undefined;
  private stopped = true;

  constructor(
    private readonly open: () => Socket,
    private readonly handler: LiveHandler,
  ) {}

  /** Does nothing when it has started. */
  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.handler.link("connecting");
    this.connect();
  }

  stop(): void {
    this.stopped = true;
    clearInterval(this.poll_timer);
    clearTimeout(this.retry_timer);
    this.poll_timer = undefined;
    this.socket?.close();
    this.socket = null;
  }

  /** Opens the socket anew at once, such as with another token. */
  restart(): void {
    this.stop();
    this.attempt = 0;
    this.start();
  }

  private connect(): void {
    if (this.stopped) return;
    let socket: Socket;
    try {
      socket = this.open();
    } catch {
      this.lost();
      return;
    }
    this.socket = socket;
    socket.onopen = () => {
      this.attempt = 0;
      clearInterval(this.poll_timer);
      this.poll_timer = undefined;
      this.handler.link("live");
      this.handler.reload();
    };
    socket.onmessage = (message) => {
      const event = parse_event(message.data);
      if (event) this.handler.event(event);
    };
    socket.onclose = () => {
      if (this.socket === socket) this.lost();
    };
  }

  private lost(): void {
    this.socket = null;
    if (this.stopped) return;
    this.handler.link("polling");
    this.poll_timer ??= setInterval(() => this.handler.reload(), kPollMs);
    const pause = kRetryMs[Math.min(this.attempt, kRetryMs.length - 1)];
    this.attempt += 1;
    this.retry_timer = setTimeout(() => this.connect(), pause);
  }
}

/** Decodes a message of the WebSocket; null for what is not JSON or of an unknown type. */
export function parse_event(data: unknown): LiveEvent | null {
  if (typeof data !== "string") return null;
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return null;
  }
  const event = value as LiveEvent | null;
  if (event?.type === "order" && typeof event.order?.id === "string") return event;
  if (event?.type === "block" && typeof event.number === "number") return event;
  if (event?.type === "provider" && typeof event.provider?.account === "number") return event;
  return null;
}

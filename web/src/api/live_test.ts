import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { kPollMs, Live, parse_event, type Socket } from "./live";

class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((message: { data: unknown }) => void) | null = null;
  closed = false;
  close(): void {
    this.closed = true;
    this.onclose?.();
  }
}

function setup() {
  const sockets: FakeSocket[] = [];
  const log: string[] = [];
  const live = new Live(
    () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    { event: (event) => log.push(event.type), link: (link) => log.push(link), reload: () => log.push("reload") },
  );
  return { live, sockets, log };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("Live", () => {
  it("passes events on once the socket is open, after one reload", () => {
    const { live, sockets, log } = setup();
    live.start();
    sockets[0]?.onopen?.();
    sockets[0]?.onmessage?.({ data: '{"type":"block","number":4}' });
    expect(log).toEqual(["connecting", "live", "reload", "block"]);
  });

  it("polls while the socket is down and stops when it is back", () => {
    const { live, sockets, log } = setup();
    live.start();
    sockets[0]?.onclose?.();
    vi.advanceTimersByTime(kPollMs);
    expect(log).toEqual(["connecting", "polling", "reload"]);
    expect(sockets.length).toBe(2);
    sockets[1]?.onopen?.();
    log.length = 0;
    vi.advanceTimersByTime(10 * kPollMs);
    expect(log).toEqual([]);
  });

  it("tries again with growing pauses", () => {
    const { live, sockets } = setup();
    live.start();
    const tries = [1_000, 2_000, 4_000, 8_000, 15_000, 15_000].map((pause) => {
      const count = sockets.length;
      sockets[count - 1]?.onclose?.();
      vi.advanceTimersByTime(pause - 1);
      const early = sockets.length - count;
      vi.advanceTimersByTime(1);
      return [early, sockets.length - count];
    });
    expect(tries).toEqual(Array.from({ length: 6 }, () => [0, 1]));
  });

  it("survives a socket that cannot even be made", () => {
    const log: string[] = [];
    const live = new Live(
      () => {
        throw new Error("blocked");
      },
      { event: () => {}, link: (link) => log.push(link), reload: () => log.push("reload") },
    );
    live.start();
    vi.advanceTimersByTime(kPollMs);
    expect(log.filter((entry) => entry === "reload")).toHaveLength(1);
    live.stop();
  });

  it("does nothing more once stopped", () => {
    const { live, sockets, log } = setup();
    live.start();
    sockets[0]?.onopen?.();
    live.stop();
    log.length = 0;
    vi.advanceTimersByTime(60_000);
    expect(sockets[0]?.closed).toBe(true);
    expect([log, sockets.length]).toEqual([[], 1]);
  });
});

describe("parse_event", () => {
  it.each([[new ArrayBuffer(2)], ["{"], ["null"], ["3"], ['{"type":"other"}'], ['{"type":"order"}'], ['{"type":"block","number":"4"}'], ['{"type":"provider","provider":{}}']])(
    "refuses %s",
    (data) => expect(parse_event(data)).toBeNull(),
  );
});

import { expect, it } from "vitest";
import { is_loopback, Session, token_in } from "./session";

const token = "0f".repeat(32);

function storage(first: string | null = null) {
  let kept = first;
  return { getItem: () => kept, setItem: (_: string, value: string) => void (kept = value), removeItem: () => void (kept = null) };
}

it("finds a token in an address, and nothing else", () => {
  expect(token_in(`#token=${token.toUpperCase()}`)).toBe(token);
  expect(token_in(`#/token=${token}`)).toBe(token);
  for (const hash of ["", "#/", "#/orders/1", `#token=${token}0`, `#token=${token.slice(1)}`, `#/x?token=${token}`]) expect(token_in(hash)).toBeNull();
});

it("keeps the token for the tab and forgets it when asked", () => {
  const tab = storage();
  new Session(tab).keep(token, true);
  const again = new Session(tab);
  expect([again.token, again.needed]).toEqual([token, true]);
  again.forget();
  expect(new Session(tab).token).toBeNull();
});

it.each([["rubbish"], ['{"token":"12"}'], ["null"], ["[]"]])("ignores %s in the storage", (text) => expect(new Session(storage(text)).token).toBeNull());

it("works where a browser forbids storage", () => {
  const refusing = { getItem: () => { throw new Error("no"); }, setItem: () => { throw new Error("no"); }, removeItem: () => { throw new Error("no"); } };
  for (const tab of [refusing, null]) {
    const session = new Session(tab);
    session.keep(token, false);
    expect(session.token).toBe(token);
    session.forget();
    expect(session.token).toBeNull();
  }
});

it("knows this machine's names", () => {
  for (const host of ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"]) expect(is_loopback(host)).toBe(true);
  for (const host of ["", "127.0.0.1.evil.example", "128.0.0.1", "koinon.example", "localhost.evil.example"]) expect(is_loopback(host)).toBe(false);
});

import { expect, it } from "vitest";
import { ApiError, call } from "./client";

const answering = (status: number, body: string) => (() => Promise.resolve(new Response(body, { status }))) as typeof fetch;

it("returns what the node answers", async () => {
  expect(await call("/x", { fetcher: answering(200, '{"a":1}') })).toEqual({ a: 1 });
});

it("throws the node's own error", async () => {
  const wrong = call("/x", { fetcher: answering(404, '{"error":{"code":"not_found","text":"[orders] 9: no such order"}}') });
  await expect(wrong).rejects.toMatchObject({ status: 404, code: "not_found", message: "[orders] 9: no such order", unreachable: false });
});

it.each([
  [200, "<html>"],
  [502, "Bad gateway"],
  [500, "null"],
  [500, '{"error":"x"}'],
])("throws malformed for status %d with %s", async (status, body) => {
  await expect(call("/x", { fetcher: answering(status, body) })).rejects.toMatchObject({ status, code: "malformed" });
});

it("says when no node answers", async () => {
  const refused = (() => Promise.reject(new TypeError("fetch failed"))) as typeof fetch;
  const error = await call("/x", { fetcher: refused }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(ApiError);
  expect((error as ApiError).unreachable).toBe(true);
});

it("passes an abort on as an abort", async () => {
  const abort = new AbortController();
  const hanging = ((_: string, init: RequestInit) =>
    new Promise((_, reject) => init.signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError"))))) as typeof fetch;
  const waiting = call("/x", { signal: abort.signal, fetcher: hanging });
  abort.abort();
  await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
});

it("sends a body as JSON, with the token", async () => {
  let seen: RequestInit | undefined;
  const noting = ((_: string, init: RequestInit) => ((seen = init), Promise.resolve(new Response("{}")))) as typeof fetch;
  await call("/x", { body: { a: 1 }, token: "ab", headers: { "idempotency-key": "k" }, fetcher: noting });
  expect(seen).toMatchObject({
    method: "POST",
    body: '{"a":1}',
    headers: { authorization: "Bearer ab", "content-type": "application/json", "idempotency-key": "k" },
  });
});

/** An answer that is an error, or none at all (status 0, code "network"). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    text: string,
  ) {
    super(text);
    this.name = "ApiError";
  }
  /** True when no node answered, so that trying again later may help. */
  get unreachable(): boolean {
    return this.status === 0;
  }
}

const kTimeoutMs = 15_000;

/** GETs JSON from the node that served this page. Throws ApiError; an abort of `signal` throws as fetch does. */
export async function get<T>(path: string, signal?: AbortSignal, fetcher: typeof fetch = fetch): Promise<T> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), kTimeoutMs);
  const pass_on = () => limit.abort();
  signal?.addEventListener("abort", pass_on);
  try {
    const response = await fetcher(path, { signal: limit.signal, headers: { accept: "application/json" } });
    const body: unknown = await response.json().catch(() => undefined);
    if (response.ok && body !== undefined) return body as T;
    throw error_of(response.status, body);
  } catch (error) {
    if (error instanceof ApiError || signal?.aborted) throw error;
    throw new ApiError(0, "network", "The node does not answer.");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", pass_on);
  }
}

function error_of(status: number, body: unknown): ApiError {
  const error = (body as { error?: { code?: unknown; text?: unknown } } | undefined)?.error;
  if (typeof error?.code === "string" && typeof error.text === "string") return new ApiError(status, error.code, error.text);
  return new ApiError(status, "malformed", `The node answered ${status} with something that is not its API.`);
}

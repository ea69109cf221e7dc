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
  /** True when the token is missing or wrong, or the node does not take this from here. */
  get unauthorised(): boolean {
    return this.status === 401;
  }
}

const kTimeoutMs = 15_000;

export interface Call {
  /** Sent as JSON by POST; without one the call is a GET. */
  body?: unknown;
  token?: string | null;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
  timeout_ms?: number;
  fetcher?: typeof fetch;
}

/** JSON of the node that served this page. Throws ApiError; an abort of `signal` throws as fetch does. */
export async function call<T>(path: string, options: Call = {}): Promise<T> {
  return answered(path, options, async (response) => {
    const body: unknown = await response.json().catch(() => undefined);
    if (response.ok && body !== undefined) return body as T;
    throw error_of(response.status, body);
  });
}

/** The same for bytes. */
export async function call_bytes(path: string, options: Call = {}): Promise<Blob> {
  return answered(path, options, async (response) => {
    if (response.ok) return response.blob();
    throw error_of(response.status, await response.json().catch(() => undefined));
  });
}

async function answered<T>(path: string, options: Call, read: (response: Response) => Promise<T>): Promise<T> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), options.timeout_ms ?? kTimeoutMs);
  const pass_on = () => limit.abort();
  options.signal?.addEventListener("abort", pass_on);
  try {
    return await read(await (options.fetcher ?? fetch)(path, { ...request_of(options), signal: limit.signal }));
  } catch (error) {
    if (error instanceof ApiError || options.signal?.aborted) throw error;
    throw new ApiError(0, "network", "The node does not answer.");
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", pass_on);
  }
}

function request_of({ body, token, headers }: Call): RequestInit {
  const all: Record<string, string> = { accept: "application/json", ...headers };
  if (token) all.authorization = `Bearer ${token}`;
  if (body === undefined) return { headers: all };
  return { method: "POST", headers: { ...all, "content-type": "application/json" }, body: JSON.stringify(body) };
}

function error_of(status: number, body: unknown): ApiError {
  const error = (body as { error?: { code?: unknown; text?: unknown } } | undefined)?.error;
  if (typeof error?.code === "string" && typeof error.text === "string") return new ApiError(status, error.code, error.text);
  return new ApiError(status, "malformed", `The node answered ${status} with something that is not its API.`);
}

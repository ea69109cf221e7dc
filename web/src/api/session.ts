/** What this tab knows of the node's token. It lives in the tab's session alone: never in a cookie, never in an address. */
export interface Kept {
  token: string;
  /** The node answers nothing without it (a node with a public name). */
  needed: boolean;
}

const kKey = "koinon.session";

/** The token of a node: 64 hex digits, in any case. */
export function is_token(text: string): boolean {
  return /^[0-9a-f]{64}$/i.test(text);
}

/** The token in a hash such as "#token=0f…", or null. */
export function token_in(hash: string): string | null {
  const token = /^#\/?token=([0-9a-fA-F]{64})$/.exec(hash)?.[1];
  return token?.toLowerCase() ?? null;
}

/** True for the names of this machine: only from there a node takes orders. */
export function is_loopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Keeps the token in `storage`; where there is none (a browser that forbids it), in memory. */
export class Session {
  private kept: Kept | null;

  constructor(private readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem"> | null) {
    this.kept = this.read();
  }
  get token(): string | null {
    return this.kept?.token ?? null;
  }
  get needed(): boolean {
    return this.kept?.needed ?? false;
  }
  keep(token: string, needed: boolean): void {
    this.kept = { token, needed };
    try {
      this.storage?.setItem(kKey, JSON.stringify(this.kept));
    } catch {
      // a full or forbidden storage: it holds until the page is left
    }
  }
  forget(): void {
    this.kept = null;
    try {
      this.storage?.removeItem(kKey);
    } catch {
      // as above
    }
  }

  private read(): Kept | null {
    try {
      const kept = JSON.parse(this.storage?.getItem(kKey) ?? "null") as Partial<Kept> | null;
      return kept && typeof kept.token === "string" && is_token(kept.token) ? { token: kept.token, needed: kept.needed === true } : null;
    } catch {
      return null;
    }
  }
}

/** The tab's own storage, or null where the browser forbids it. */
export function tab_storage(): Storage | null {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}

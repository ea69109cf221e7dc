/** Wallets in the browser: found by EIP-6963, spoken to by EIP-1193. */

/** What a wallet offers a page (EIP-1193). */
export interface Ethereum {
  request(call: { method: string; params?: unknown }): Promise<unknown>;
  on?(event: string, listener: (value: unknown) => void): void;
  removeListener?(event: string, listener: (value: unknown) => void): void;
}

/** A wallet that announced itself (EIP-6963). */
export interface Wallet {
  id: string;
  name: string;
  /** A data: address of its picture; empty when it gave none that is safe to show. */
  icon: string;
  ethereum: Ethereum;
}

/** Reads an announcement; null for what is none. Names and pictures come from the wallet and are shown as such. */
export function wallet_of(detail: unknown): Wallet | null {
  const { info, provider } = (detail ?? {}) as { info?: { uuid?: unknown; name?: unknown; icon?: unknown }; provider?: Partial<Ethereum> };
  if (typeof info?.uuid !== "string" || typeof info.name !== "string" || typeof provider?.request !== "function") return null;
  const icon = typeof info.icon === "string" && /^data:image\/(png|svg\+xml|webp|jpeg);/.test(info.icon) ? info.icon : "";
  return { id: info.uuid, name: info.name.slice(0, 60), icon, ethereum: provider as Ethereum };
}

/** Calls `found` with all wallets whenever one more announces itself; returns how to stop. */
export function watch_wallets(found: (wallets: Wallet[]) => void): () => void {
  const known = new Map<string, Wallet>();
  const announced = (event: Event) => {
    const wallet = wallet_of((event as CustomEvent<unknown>).detail);
    if (!wallet) return;
    known.set(wallet.id, wallet);
    found([...known.values()].sort((a, b) => a.name.localeCompare(b.name)));
  };
  addEventListener("eip6963:announceProvider", announced);
  dispatchEvent(new Event("eip6963:requestProvider"));
  return () => removeEventListener("eip6963:announceProvider", announced);
}

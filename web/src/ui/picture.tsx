import { useEffect, useState } from "preact/hooks";
import { use_hub } from "../api/hooks";

/** A picture of the node's API. Where the node wants a token for it, it is fetched with it; nothing is shown when there is none. */
export function Picture({ path, alt, size }: { path: string; alt: string; size: number }) {
  const hub = use_hub();
  const [source, set_source] = useState<string | null>(hub.session.needed ? null : path.replace(/^\//, ""));
  const [missing, set_missing] = useState(false);
  useEffect(() => {
    set_missing(false);
    if (!hub.session.needed) return set_source(path.replace(/^\//, ""));
    const abort = new AbortController();
    hub
      .bytes(path, abort.signal)
      .then(data_url)
      .then((url) => abort.signal.aborted || set_source(url))
      .catch(() => abort.signal.aborted || set_missing(true));
    return () => abort.abort();
  }, [hub, path]);
  return <img src={source ?? undefined} alt={alt} width={size} height={size} hidden={missing} onError={() => set_missing(true)} />;
}

/** The page's rules allow pictures of the node and data: alone, so no blob: address. */
function data_url(blob: Blob): Promise<string> {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(String(reader.result));
    reader.onerror = () => failed(reader.error ?? new Error("unreadable"));
    reader.readAsDataURL(blob);
  });
}

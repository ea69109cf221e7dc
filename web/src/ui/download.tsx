import { useState } from "preact/hooks";
import { use_hub } from "../api/hooks";

/** A link that saves what the node has at `path`; with the token where the node wants it. */
export function Download({ path, name, children }: { path: string; name: string; children: string }) {
  const hub = use_hub();
  const [failed, set_failed] = useState(false);
  const save = async (event: Event) => {
    if (!hub.session.needed) return;
    event.preventDefault();
    try {
      const url = URL.createObjectURL(await hub.bytes(path));
      const link = Object.assign(document.createElement("a"), { href: url, download: name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
      set_failed(false);
    } catch {
      set_failed(true);
    }
  };
  return (
    <a class="button primary" href={path.replace(/^\//, "")} download={name} onClick={(event) => void save(event)}>
      {failed ? "It could not be fetched: again" : children}
    </a>
  );
}

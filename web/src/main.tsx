import { render } from "preact";
import { Hub } from "./api/hub";
import { HubContext } from "./api/hooks";
import type { Socket } from "./api/live";
import { Session, tab_storage, token_in } from "./api/session";
import { App } from "./app";

const session = new Session(tab_storage());

/** A browser cannot send Authorization with a socket, so a token that is needed to read goes as a subprotocol. */
function open_socket(): Socket {
  const url = new URL("api/v1/events", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.hash = "";
  const protocols = session.needed && session.token ? ["koinon", `koinon.token.${session.token}`] : [];
  return new WebSocket(url, protocols) as unknown as Socket;
}

const hub = new Hub(open_socket, session, location.hostname);

/** Takes a token from the address ("#token=…", as `koinon up` prints it), which is then without it: in no history, in no picture. */
async function take_token(): Promise<void> {
  const token = token_in(location.hash);
  if (!token) return;
  history.replaceState(null, "", "#/");
  await hub.sign_in(token).catch(() => hub.sign_out());
}

addEventListener("hashchange", () => void take_token());
void take_token();

const root = document.getElementById("app");
if (root)
  render(
    <HubContext.Provider value={hub}>
      <App />
    </HubContext.Provider>,
    root,
  );

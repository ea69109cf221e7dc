import { render } from "preact";
import { Hub } from "./api/hub";
import { HubContext } from "./api/hooks";
import type { Socket } from "./api/live";
import { App } from "./app";

const hub = new Hub(() => {
  const url = new URL("api/v1/events", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.hash = "";
  return new WebSocket(url) as unknown as Socket;
});
hub.start();

const root = document.getElementById("app");
if (root)
  render(
    <HubContext.Provider value={hub}>
      <App />
    </HubContext.Provider>,
    root,
  );

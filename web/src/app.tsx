import { useEffect, useMemo } from "preact/hooks";
import { SkewContext, StatusContext, use_connection, use_resource } from "./api/hooks";
import type { Status } from "./api/types";
import { AccountPage } from "./pages/account";
import { ModelsPage } from "./pages/models";
import { NewOrderPage } from "./pages/new_order";
import { OrderPage } from "./pages/order";
import { OverviewPage } from "./pages/overview";
import { OwnPage } from "./pages/own";
import { ProvidersPage } from "./pages/providers";
import { WordsPage } from "./pages/words";
import { type Route, use_route } from "./router";
import { Empty, PageTitle } from "./ui/frame";
import { SignIn } from "./ui/sign_in";
import { Term } from "./ui/text";

const kNav = [
  { page: "overview", href: "#/", label: "Orders" },
  { page: "providers", href: "#/providers", label: "Providers" },
  { page: "models", href: "#/models", label: "Models" },
  { page: "account", href: "#/account", label: "Account" },
] as const;

export function App() {
  const route = use_route();
  const { data: status } = use_resource<Status>("/api/v1/status", () => true);
  const { page } = route;
  const skew = useMemo(() => skew_of(status), [status]);
  const { access } = use_connection();
  const key = key_of(route);
  useEffect(() => scrollTo(0, 0), [key]);
  return (
    <StatusContext.Provider value={status}>
      <SkewContext.Provider value={skew}>
        <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), document.querySelector("h1")?.focus())}>
          Skip to content
        </a>
        <TopBar page={page} status={status} />
        <Notices status={status} />
        <main id="main">
          {access === "open" ? <Page key={key} route={route} /> : <Locked />}
        </main>
        <footer>
          <span>Koinon{status ? ` ${status.version}` : ""}</span>
          <a href="#/words">Words</a>
          <a href="openapi.json">API document</a>
          <a href="metrics">Metrics</a>
        </footer>
      </SkewContext.Provider>
    </StatusContext.Provider>
  );
}

/** Two seconds are no skew: an answer was that long on its way. */
function skew_of(status: Status | null): number {
  const ahead = status ? status.time - Date.now() : 0;
  return Math.abs(ahead) > 2_000 ? ahead : 0;
}

/** Pages of the same key keep their state. */
function key_of(route: Route): string {
  if (route.page === "order") return `order/${route.id}`;
  if (route.page === "providers") return `providers/${route.account ?? ""}`;
  return route.page;
}

function Locked() {
  return (
    <>
      <PageTitle title="Sign in" />
      <SignIn why="This node has a public name, so it shows itself to its owner alone." />
    </>
  );
}

function Page({ route }: { route: Route }) {
  switch (route.page) {
    case "overview":
      return <OverviewPage />;
    case "order":
      return <OrderPage id={route.id} />;
    case "providers":
      return route.account === null ? <ProvidersPage /> : <AccountPage account={route.account} />;
    case "models":
      return <ModelsPage />;
    case "new":
      return <NewOrderPage program={route.program} />;
    case "account":
      return <OwnPage />;
    case "words":
      return <WordsPage />;
    case "missing":
      return (
        <>
          <PageTitle title="No such page" />
          <Empty>
            The address leads nowhere. <a href="#/">Show the orders</a>
          </Empty>
        </>
      );
  }
}

function TopBar({ page, status }: { page: Route["page"]; status: Status | null }) {
  const { link, reachable } = use_connection();
  const state = !reachable ? "down" : link === "live" ? "live" : link === "polling" ? "polling" : "connecting";
  const words = { down: "Not reachable", live: "Live", polling: "Polling", connecting: "Connecting" }[state];
  return (
    <header class="top">
      <a class="brand" href="#/" aria-label="Koinon, to the orders">
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <circle cx="16" cy="11.5" r="7" />
          <circle cx="11" cy="20" r="7" />
          <circle cx="21" cy="20" r="7" />
        </svg>
        <span>Koinon</span>
      </a>
      <nav aria-label="Pages">
        {kNav.map((item) => (
          <a key={item.page} href={item.href} aria-current={item.page === page || (page === "order" && item.page === "overview") ? "page" : undefined}>
            {item.label}
          </a>
        ))}
      </nav>
      <a class="button primary new" href="#/new" aria-current={page === "new" ? "page" : undefined}>
        New order
      </a>
      <div class={`link ${state}`} role="status">
        <i aria-hidden="true" />
        <span>{words}</span>
        {status && (
          <span class="block">
            <Term word="block">block {status.ledger.block.toLocaleString("en")}</Term>
          </span>
        )}
      </div>
    </header>
  );
}

function Notices({ status }: { status: Status | null }) {
  const { reachable } = use_connection();
  if (!reachable)
    return (
      <div class="notice bad wide" role="alert">
        <strong>The node does not answer.</strong> {status ? "You see what was last known." : "Is it running?"} The page keeps trying.
      </div>
    );
  if (status && !status.ledger.connected)
    return (
      <div class="notice warn wide" role="alert">
        <strong>The node cannot reach its ledger.</strong> Orders do not move on until it can. Nothing is lost.
      </div>
    );
  return null;
}

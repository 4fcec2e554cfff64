import { lazy, Suspense, useEffect } from "react";
import { Route, Routes, useLocation, useSearchParams } from "react-router";
import { forgetInks } from "../charts/paint";
import { Tape } from "../charts/Tape";
import { LiveProvider, useLink, useTopic } from "../react/live";
import { useUi } from "../react/ui";
import { Denied } from "./Denied";
import { Empty } from "./Empty";
import { Sprite } from "./Icon";
import { Overview } from "./Overview";
import { PageLink } from "./PageLink";
import { PLACES } from "./pages";
import { PausedBand } from "./PausedBand";
import { Rail } from "./Rail";
import { Sheets } from "./Sheets";
import { Teach } from "./Teach";
import { Toast } from "./Toast";
import { TopBar } from "./TopBar";
import { nameIn } from "./namePaths";
import { useKeys } from "./useKeys";
import { useScrollMemory } from "../react/scroll";

const NamesPage = lazy(() => import("./NamesPage"));
const NamePage = lazy(() => import("./NamePage"));
const SystemPage = lazy(() => import("./SystemPage"));
const SourcesPage = lazy(() => import("./SourcesPage"));

// Canvases of the new theme must find its colours, whoever draws first.
useUi.subscribe((now, before) => {
  if (now.theme !== before.theme) forgetInks();
});

export function App() {
  const [params] = useSearchParams();
  const project = params.get("project");
  return (
    <LiveProvider key={project ?? ""} project={project}>
      <Sprite />
      <Frame />
    </LiveProvider>
  );
}

function Frame() {
  const denied = useLink().state === "denied";
  const total = useTopic("sources")?.total;
  const { pathname } = useLocation();
  useKeys();
  useScrollMemory();
  useEffect(() => {
    const title = titleOf(pathname);
    document.title = title ? `${title} · Tachograph` : "Tachograph";
  }, [pathname]);
  if (denied) return <Denied />;
  return (
    <div className="app">
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <TopBar />
      <Rail />
      <main id="content" tabIndex={-1}>
        <Tape />
        <PausedBand />
        <Suspense>
        <Routes>
          <Route path="/" element={<Home total={total} />} />
          <Route path="/pipelines" element={<Teach page="pipelines" />} />
          <Route path="/actions" element={<NamesPage key="action" kind="action" />} />
          <Route path="/actions/*" element={<NamePage kind="action" />} />
          <Route path="/events" element={<NamesPage key="event" kind="event" />} />
          <Route path="/events/*" element={<NamePage kind="event" />} />
          <Route path="/system" element={<SystemPage />} />
          <Route path="/quality" element={<Teach page="quality" />} />
          <Route path="/series" element={<Teach page="metrics" />} />
          <Route path="/metrics" element={<Teach page="metrics" />} />
          <Route path="/alerts" element={<Teach page="alerts" />} />
          <Route path="/sources" element={<SourcesPage />} />
          <Route path="*" element={<Nowhere />} />
        </Routes>
        </Suspense>
      </main>
      <Sheets />
      <Toast />
    </div>
  );
}

function titleOf(pathname: string): string | undefined {
  const named = /^\/(actions|events)\//.test(pathname) ? nameIn(pathname) : undefined;
  if (named !== undefined) return named;
  if (pathname === "/events") return "Events";
  return PLACES.find(({ path }) => path === pathname)?.name;
}

/** The overview comes by itself with the first source. */
function Home({ total }: { total: number | undefined }) {
  const state = useLink().state;
  if (total === undefined) {
    return (
      <p className="quiet first" data-testid="waiting">
        {state === "offline" ? "The server does not answer. This page tries again by itself." : "Connecting to the server"}
      </p>
    );
  }
  return total === 0 ? <Empty /> : <Overview />;
}

function Nowhere() {
  return (
    <div className="teach">
      <h1>There is no such page</h1>
      <p>
        <PageLink className="link" to="/">
          To the overview
        </PageLink>
      </p>
    </div>
  );
}

import {
  createContext,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
  type ReactNode,
} from "react";
import { nextFrame } from "../charts/frames";
import { unheardSince } from "../core/freshness";
import type { JsonObject } from "../core/json";
import { Live, type Link, type NamesAt } from "../core/live";
import type { PageTopic, TopicShapes } from "../core/wire";
import { useRange, type Range } from "./range";

/** The view as it was when it was paused. */
export interface Frozen {
  /** Server time of the pause. */
  readonly at: number;
  readonly topics: Partial<TopicShapes>;
  readonly namesSeen: readonly NamesAt[];
}

interface Page {
  readonly live: Live;
  readonly range: Range;
  readonly frozen: Frozen | null;
}

const PageContext = createContext<Page | null>(null);

function usePage(): Page {
  const page = useContext(PageContext);
  if (page === null) throw new Error("used outside of <LiveProvider>: wrap the page in it");
  return page;
}

/** Connects one project's page while it is mounted. Give it a `key`, so that another project starts anew. */
export function LiveProvider({ project, children }: { project: string | null; children: ReactNode }) {
  const [live] = useState(
    () =>
      new Live({
        project,
        origin: location.origin.replace(/^http/, "ws"),
        fetch: (url, init) => fetch(url, init),
        schedule: nextFrame,
      }),
  );
  useEffect(() => {
    const stop = live.start();
    const wake = () => {
      if (document.visibilityState === "visible") live.wake();
    };
    addEventListener("online", wake);
    document.addEventListener("visibilitychange", wake);
    return () => {
      removeEventListener("online", wake);
      document.removeEventListener("visibilitychange", wake);
      stop();
    };
  }, [live]);
  const { range } = useRange();
  const frozen = useFrozen(live, range);
  const page = useMemo(() => ({ live, range, frozen }), [live, range, frozen]);
  return <PageContext value={page}>{children}</PageContext>;
}

/** Values at the moment of the pause; on a link that opens paused, the first that come. */
function useFrozen(live: Live, range: Range): Frozen | null {
  const paused = range.kind === "fixed";
  const [frozen, setFrozen] = useState<Frozen | null>(null);
  useEffect(() => {
    if (!paused) return;
    const freeze = () => {
      if (live.topics.get("sources") === undefined || live.topics.get("system") === undefined) return;
      undo();
      setFrozen({ at: live.clock.now(), topics: allTopics(live), namesSeen: [...live.namesSeen] });
    };
    const undo = live.topics.subscribe("sources", freeze);
    freeze();
    return () => {
      undo();
      setFrozen(null);
    };
  }, [live, paused]);
  return paused ? frozen : null;
}

function allTopics(live: Live): Partial<TopicShapes> {
  return {
    system: live.topics.get("system") as TopicShapes["system"] | undefined,
    actions: live.topics.get("actions") as TopicShapes["actions"] | undefined,
    events: live.topics.get("events") as TopicShapes["events"] | undefined,
    sources: live.topics.get("sources") as TopicShapes["sources"] | undefined,
  };
}

export function useLive(): Live {
  return usePage().live;
}

export function usePaused(): { range: Range; frozen: Frozen | null } {
  return usePage();
}

/** A topic's newest value, as it comes; undefined before the first. */
export function useTopic<K extends PageTopic>(topic: K): TopicShapes[K] | undefined;
export function useTopic(topic: string): JsonObject | undefined;
export function useTopic(topic: string): unknown {
  const { live } = usePage();
  const subscribe = useCallback(
    (reader: () => void) => {
      const unfollow = live.follow(topic);
      const undo = live.topics.subscribe(topic, reader);
      return () => {
        undo();
        unfollow();
      };
    },
    [live, topic],
  );
  return useSyncExternalStore(subscribe, () => live.topics.get(topic));
}

/** A topic as the view shows it: while the view is paused, as it was then. */
export function useShown<K extends PageTopic>(topic: K): TopicShapes[K] | undefined {
  const { frozen } = usePage();
  const current = useTopic(topic);
  return frozen ? frozen.topics[topic] : current;
}

/** The same for a topic that is followed only while somebody looks: it stands as it was, or first came, in the pause. */
export function useShownTopic(topic: string): JsonObject | undefined {
  const { frozen } = usePage();
  const current = useTopic(topic);
  const [kept, setKept] = useState<{ frozen: Frozen; topic: string; value: JsonObject } | null>(null);
  if (frozen === null) return current;
  if (kept?.frozen === frozen && kept.topic === topic) return kept.value;
  if (current !== undefined) setKept({ frozen, topic, value: current });
  return current;
}

export function useLink(): Link {
  const { live } = usePage();
  const subscribe = useCallback((listener: () => void) => live.onLink(listener), [live]);
  return useSyncExternalStore(subscribe, () => live.link);
}

/** The server's time, renewed every so many milliseconds. */
export function useServerNow(everyMs = 1000): number {
  const { live } = usePage();
  const [now, setNow] = useState(() => live.clock.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(live.clock.now()), everyMs);
    return () => clearInterval(timer);
  }, [live, everyMs]);
  return now;
}

/** The time that the figures shown belong to: now, when the view was paused, or when we last heard. */
export function useShownNow(everyMs = 1000): number {
  const { frozen } = usePage();
  const unheard = useUnheard();
  const now = useServerNow(everyMs);
  return frozen?.at ?? unheard ?? now;
}

/** Since when this page has heard nothing from the server; undefined while it does. */
export function useUnheard(): number | undefined {
  const { live } = usePage();
  const link = useLink();
  return unheardSince(link, useServerNow(500), live.interval);
}

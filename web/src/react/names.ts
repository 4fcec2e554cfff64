import { useEffect, useMemo, useSyncExternalStore } from "react";
import type { Live } from "../core/live";
import { browser } from "../core/connection";
import { NameList, type NameListState } from "../core/nameList";
import type { NameQuery } from "../core/nameQuery";
import { namesFrom } from "../core/nameSource";
import type { ActionsTopic, NameKind } from "../core/wire";
import { useLive, usePaused } from "./live";

const TOPICS: Readonly<Record<NameKind, "actions" | "events">> = { action: "actions", event: "events" };

// Kept as long as the page's connection: who comes back finds the rows where they were.
const lists = new WeakMap<Live, Map<NameKind, NameList>>();

function listOf(live: Live, kind: NameKind): NameList {
  const known = lists.get(live) ?? new Map<NameKind, NameList>();
  lists.set(live, known);
  const list = known.get(kind) ?? new NameList(namesOf(live), browser);
  known.set(kind, list);
  return list;
}

export function namesOf(live: Live) {
  return namesFrom({
    request: (path, query, init) => live.request(path, query, init),
    topicNames: (kind) => {
      const topic = live.topics.get(TOPICS[kind]) as ActionsTopic | undefined;
      return { names: topic?.names, total: topic?.names_total };
    },
  });
}

/** The names that a question finds, renewed with each tick while the view moves. */
export function useNameList(query: NameQuery): { list: NameList; state: NameListState } {
  const live = useLive();
  const { range } = usePaused();
  const list = listOf(live, query.kind);
  const { kind, search, service, sort, down } = query;
  const paused = range.kind === "fixed";
  useEffect(() => list.ask({ kind, search, service, sort, down }), [list, kind, search, service, sort, down]);
  useEffect(() => {
    list.pause(paused);
    if (paused) return undefined;
    let at = -Infinity;
    const tick = () => {
      const heard = live.link.heardAt ?? 0;
      if (heard - at < Math.max(0.9, live.interval * 0.9)) return;
      at = heard;
      if (document.visibilityState === "visible") list.refresh();
    };
    return live.onLink(tick);
  }, [live, list, paused]);
  const subscribe = useMemo(() => (reader: () => void) => list.subscribe(reader), [list]);
  const state = useSyncExternalStore(subscribe, () => list.state);
  return { list, state };
}

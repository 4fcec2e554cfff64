import { staleSince } from "../core/freshness";
import { useLink, useLive, usePaused, useServerNow, useTopic } from "./live";

/** Since when the figures on the page are not renewed; undefined while fresh, and while paused. */
export function useStale(): number | undefined {
  const live = useLive();
  const link = useLink();
  const { range } = usePaused();
  const system = useTopic("system");
  const now = useServerNow(500);
  return range.kind === "fixed" ? undefined : staleSince(link, system, now, live.interval);
}

import { useCallback } from "react";
import { useLive, usePaused } from "./live";
import { SPAN_S, useRange } from "./range";

/** Stops the view where it is, or lets it go on. Collecting goes on either way. */
export function usePauseToggle(): () => void {
  const live = useLive();
  const { range } = usePaused();
  const { fix, goLive } = useRange();
  const paused = range.kind === "fixed";
  return useCallback(() => {
    if (paused) {
      goLive();
      return;
    }
    const end = live.clock.now() - live.interval;
    fix(end - SPAN_S, end);
  }, [paused, live, fix, goLive]);
}

import { formatSpan } from "../core/format";
import { usePaused } from "../react/live";

/** Names the stretch of time that the charts below it show. */
export function StretchTitle() {
  const { range } = usePaused();
  if (range.kind === "live") return <h2>Last 60 s</h2>;
  return <h2>{formatSpan(Math.round(range.to - range.from))} in view</h2>;
}

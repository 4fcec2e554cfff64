import { useEffect, useRef } from "react";
import { endedSince } from "../core/answers";
import { count, formatClock, formatSpan } from "../core/format";
import { usePaused, useServerNow, useTopic } from "../react/live";
import { useRange } from "../react/range";
import { useUi } from "../react/ui";
import { Status } from "./Icon";

/** The view stands still: says since when, and what was missed meanwhile. */
export function PausedBand() {
  const { range, frozen } = usePaused();
  const { goLive } = useRange();
  const now = useServerNow();
  const actions = useTopic("actions");
  const events = useTopic("events");
  const sources = useTopic("sources");
  const say = useUi((ui) => ui.say);
  const missedWords = useRef("");
  const paused = range.kind === "fixed";
  useEffect(() => {
    if (paused) return;
    if (missedWords.current) say(`Live again; missed ${missedWords.current}`);
    missedWords.current = "";
  }, [paused, say]);
  const before = frozen?.topics;
  const grown = (a: number | undefined, b: number | undefined) => Math.max(0, (a ?? 0) - (b ?? 0));
  const errors =
    grown(actions?.error_count, before?.actions?.error_count) +
    grown(events?.events_failed, before?.events?.events_failed);
  const done = grown(actions?.total_actions, before?.actions?.total_actions);
  const ended = endedSince(before?.sources, sources);
  const missed = frozen
    ? [
        formatSpan(now - frozen.at),
        count(done, "action"),
        count(errors, "error"),
        ...(ended ? [`${count(ended, "ended source")}`] : []),
      ]
    : [];
  useEffect(() => {
    if (paused && missed.length) missedWords.current = missed.join(", ");
  });
  if (range.kind === "live") return null;
  // A link can open in the past: the figures are then newer than the charts.
  const apart = frozen && Math.abs(frozen.at - range.to) > 5 ? `; figures as of ${formatClock(frozen.at)}` : "";
  return (
    <div className="band" data-testid="paused-band">
      <Status shape="pause" />
      <b>Paused at {formatClock(range.to)}</b>
      <span className="mut">
        {missed.length ? `${missed.join(", ")} since` : "waiting for figures"}
        {apart}
      </span>
      <button onClick={goLive} data-testid="go-live">
        Live
      </button>
    </div>
  );
}

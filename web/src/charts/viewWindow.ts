import type { Live } from "../core/live";
import type { Range } from "../react/range";

/**
 * The stretch to draw at this moment, in server seconds.
 *
 * While it moves it ends one interval ago: the newest point then comes in at the right edge and
 * the line never ends short of it.
 */
export function viewWindow(live: Live, range: Range): readonly [number, number] {
  if (range.kind === "fixed") return [range.from, range.to];
  const end = live.clock.now() - live.interval;
  return [end - range.span, end];
}

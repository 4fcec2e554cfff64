import { formatDuration, formatNumber } from "../core/format";
import type { Causes } from "../core/gaps";
import type { Live } from "../core/live";
import type { PointRing, Window } from "../core/ring";
import { counted, plain, SECONDS, type Drawn, type SeriesSpec, type TrackSpec } from "./trackSpecs";

/** Where the points of one name come from: its topic, or what is stored. */
export interface NamePoints {
  readonly ring: (live: Live) => PointRing | undefined;
  /** Seconds from one point to the next. */
  readonly step: (live: Live) => number;
  /** Stretches of which nothing is known; that nothing was called is known. */
  readonly gaps: (live: Live, from: number, to: number) => Window["gaps"];
  readonly causes: (live: Live) => Causes | undefined;
  readonly known: (live: Live) => number | undefined;
}

const line = (key: string, name: string, color: string): SeriesSpec => ({
  key,
  name,
  color,
  side: "left",
  kind: "line",
  dots: true,
  format: formatDuration,
});

/** How long one name took and how often it was called, over time. */
export function nameTracks(points: NamePoints, every: string): readonly TrackSpec[] {
  const track = (id: string, title: string, series: readonly SeriesSpec[], left: TrackSpec["left"]): TrackSpec => ({
    id,
    title,
    series,
    left,
    rings: (live) => [points.ring(live), live.points.system],
    causes: points.causes,
    step: points.step,
    known: points.known,
    empty: "nothing was called in this stretch",
    read: (live, from, to) => read(points, series, live, from, to),
  });
  const bars = (key: string, color: string): SeriesSpec => ({
    key,
    name: every,
    color,
    side: "left",
    kind: "bars",
    format: (v) => formatNumber(v),
  });
  return [
    track("latency", "Duration", [line("p99_s", "p99", "c5"), line("p95_s", "p95", "c2"), line("p50_s", "p50", "c1")], SECONDS),
    track("calls", "Calls", [bars("count", "c1")], counted(4)),
    track("name-errors", "Errors", [bars("errors", "crit")], counted(4)),
  ];
}

function read(points: NamePoints, series: readonly SeriesSpec[], live: Live, from: number, to: number): Drawn {
  const ring = points.ring(live);
  const gaps = points.gaps(live, from, to);
  if (ring === undefined) return plain({ times: [], columns: series.map(() => []), gaps, count: 0 });
  const window = ring.window(from, to, points.step(live));
  const columns = series.map(({ key }) => window.columns[ring.names.indexOf(key)] ?? []);
  return plain({ ...window, gaps, columns });
}

import { duration, formatDuration, formatNumber, formatPercentage, formatPlain, mebibytes } from "../core/format";
import type { Causes } from "../core/gaps";
import type { Live } from "../core/live";
import type { PointRing, Window } from "../core/ring";

type Side = "left" | "right";

export interface SeriesSpec {
  readonly key: string;
  readonly name: string;
  /** Token of the colour. */
  readonly color: string;
  readonly side: Side;
  readonly kind: "line" | "area" | "stacked" | "bars";
  /** What others are compared with: dashed. */
  readonly dashed?: boolean;
  /** A point that stands alone is seen too. */
  readonly dots?: boolean;
  readonly format: (value: number) => string;
}

export interface AxisSpec {
  /** Top of the scale for the largest figure in view; the scale starts at 0. */
  readonly top: (max: number) => number;
  readonly format: (value: number, top: number) => string;
}

export interface TrackSpec {
  readonly id: string;
  readonly title: string;
  readonly series: readonly SeriesSpec[];
  readonly left: AxisSpec;
  readonly right?: AxisSpec;
  readonly limits?: readonly (readonly [number, string])[];
  /** The points it is drawn from: when they change, it is drawn anew. */
  readonly rings: (live: Live) => readonly (PointRing | undefined)[];
  /** Why points are missing; without it those of the first ring. */
  readonly causes?: (live: Live) => Causes | undefined;
  /** Seconds between two points; without it the server's interval. */
  readonly step?: (live: Live) => number;
  /** Until when anything is known; without it the newest point. */
  readonly known?: (live: Live) => number | undefined;
  /** What an empty stretch says. */
  readonly empty?: string;
  /** What is drawn, one column per series, and the figures as measured, for the readout. */
  readonly read: (live: Live, from: number, to: number) => Drawn;
}

export type Drawn = Window & { readonly shown: Window["columns"] };

/** 1, 2, 4, 6, 8 or 10 times a power of ten: half of it reads well too. */
export function niceTop(max: number, least: number): number {
  const wanted = Math.max(max * 1.08, least);
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 4, 6, 8, 10].find((factor) => factor * power >= wanted) ?? 10;
  return step * power;
}

/** Powers of two, as memory comes. */
export function memoryTop(max: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(64, max * 1.08)));
}

export const plain = (window: Window): Drawn => ({ ...window, shown: window.columns });

/** The same stretch of two rings on the ticks of the first that has any. */
function paired(live: Live, from: number, to: number, column: "queue_depth" | "errors") {
  const { actions, events } = live.points;
  const [base, other] = actions.length ? [actions, events] : [events, actions];
  const window = base.window(from, to, live.interval);
  const index = base.names.indexOf(column);
  const mine = window.columns[index] ?? [];
  const theirs = window.times.map((at, i) =>
    mine[i] === null && window.columns.every((c) => c[i] === null)
      ? null
      : (other.rowAt(at + live.interval / 2, live.interval)?.[index] ?? null),
  );
  const [a, e] = base === actions ? [mine, theirs] : [theirs, mine];
  return { window, a, e };
}

const systemRing = (live: Live) => [live.points.system];
const bothRings = (live: Live) => (live.points.actions.length ? [live.points.actions, live.points.events] : [live.points.events, live.points.actions]);

const count = (values: readonly (readonly (number | null)[])[], times: readonly number[], from: number, to: number) =>
  times.filter((at, i) => at >= from && at <= to && values.some((v) => (v[i] ?? null) !== null)).length;

export const memoryText = (mib: number): string => `${mebibytes(mib).value} ${mebibytes(mib).unit}`;
export const PERCENT: AxisSpec = { top: () => 100, format: (v, top) => (v === top ? `${v} %` : String(v)) };
export const MEMORY: AxisSpec = {
  top: memoryTop,
  format: (v, top) => {
    const [value, unit] = top >= 1024 ? [v / 1024, "GiB"] : [v, "MiB"];
    return v === top ? `${value} ${unit}` : formatPlain(value);
  },
};
export const SECONDS: AxisSpec = { top: (max) => niceTop(max, 0.001), format: (v, top) => axisDuration(v, top) };
/** A count; at least so much of it is in view. */
export const counted = (least: number): AxisSpec => ({ top: (max) => niceTop(max, least), format: (v) => formatNumber(v) });
export const LIMITS = [
  [50, "warn"],
  [80, "crit"],
] as const;

export const TRACKS: readonly TrackSpec[] = [
  {
    id: "system",
    title: "CPU and memory",
    series: [
      { key: "cpu", name: "CPU", color: "c1", side: "left", kind: "line", format: formatPercentage },
      {
        key: "memory",
        name: "Memory",
        color: "c2",
        side: "right",
        kind: "line",
        format: memoryText,
      },
    ],
    left: PERCENT,
    right: MEMORY,
    limits: LIMITS,
    rings: systemRing,
    read: (live, from, to) => {
      const window = live.points.system.window(from, to, live.interval);
      return plain({ ...window, columns: window.columns.slice(0, 2) });
    },
  },
  {
    id: "actions",
    title: "Actions",
    series: [
      { key: "rate", name: "Rate", color: "c1", side: "left", kind: "line", format: (v) => `${formatNumber(v)} /min` },
      { key: "mean", name: "Mean", color: "c3", side: "right", kind: "line", format: formatDuration },
      { key: "p95", name: "p95", color: "c2", side: "right", kind: "line", format: formatDuration },
    ],
    left: {
      top: (max) => niceTop(max, 10),
      format: (v, top) => (v === top && v < 100_000 ? `${formatNumber(v)}` : v >= 100_000 ? `${v / 1000}k` : formatNumber(v)),
    },
    right: SECONDS,
    rings: (live) => [live.points.actions],
    read: (live, from, to) => plain(live.points.actions.window(from, to, live.interval)),
  },
  {
    id: "queues",
    title: "Queues, stacked",
    series: [
      { key: "actions", name: "Actions", color: "c1", side: "left", kind: "stacked", format: (v) => formatNumber(v) },
      { key: "events", name: "Events", color: "c3", side: "left", kind: "stacked", format: (v) => formatNumber(v) },
    ],
    left: counted(10),
    rings: bothRings,
    read: (live, from, to) => {
      const { window, a, e } = paired(live, from, to, "queue_depth");
      const sum = e.map((v, i) => (v === null ? null : v + (a[i] ?? 0)));
      return { ...window, columns: [a, sum], shown: [a, e], count: count([a, e], window.times, from, to) };
    },
  },
  {
    id: "errors",
    title: "Errors",
    series: [
      { key: "errors", name: "per tick", color: "crit", side: "left", kind: "area", format: (v) => formatNumber(v) },
    ],
    left: counted(4),
    rings: bothRings,
    read: (live, from, to) => {
      const { window, a, e } = paired(live, from, to, "errors");
      const sum = a.map((v, i) => (v === null && (e[i] ?? null) === null ? null : (v ?? 0) + (e[i] ?? 0)));
      return { ...window, columns: [sum], shown: [sum], count: count([sum], window.times, from, to) };
    },
  },
];

function axisDuration(value: number, top: number): string {
  const { unit } = duration(top);
  const factor = unit === "µs" ? 1e6 : unit === "ms" ? 1e3 : 1;
  const shown = String(Number((value * factor).toPrecision(3)));
  return value === top ? `${shown} ${unit || "s"}` : shown;
}

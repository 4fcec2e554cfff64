import { duration, formatDuration, formatNumber, formatPercentage, formatPlain, mebibytes } from "../core/format";
import type { Live } from "../core/live";
import type { Window } from "../core/ring";

type Side = "left" | "right";

export interface SeriesSpec {
  readonly key: string;
  readonly name: string;
  /** Token of the colour. */
  readonly color: string;
  readonly side: Side;
  readonly kind: "line" | "area" | "stacked";
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
  /** What is drawn, one column per series, and the figures as measured, for the readout. */
  readonly read: (live: Live, from: number, to: number) => Window & { readonly shown: Window["columns"] };
}

/** 1, 2, 4, 6, 8 or 10 times a power of ten: half of it reads well too. */
export function niceTop(max: number, least: number): number {
  const wanted = Math.max(max * 1.08, least);
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 4, 6, 8, 10].find((factor) => factor * power >= wanted) ?? 10;
  return step * power;
}

/** Powers of two, as memory comes. */
function memoryTop(max: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(64, max * 1.08)));
}

const plain = (window: Window) => ({ ...window, shown: window.columns });

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

const count = (values: readonly (readonly (number | null)[])[], times: readonly number[], from: number, to: number) =>
  times.filter((at, i) => at >= from && at <= to && values.some((v) => (v[i] ?? null) !== null)).length;

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
        format: (v) => `${mebibytes(v).value} ${mebibytes(v).unit}`,
      },
    ],
    left: { top: () => 100, format: (v, top) => (v === top ? `${v} %` : String(v)) },
    right: {
      top: memoryTop,
      format: (v, top) => {
        const [value, unit] = top >= 1024 ? [v / 1024, "GiB"] : [v, "MiB"];
        return v === top ? `${value} ${unit}` : formatPlain(value);
      },
    },
    limits: [
      [50, "warn"],
      [80, "crit"],
    ],
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
    right: {
      top: (max) => niceTop(max, 0.001),
      format: (v, top) => axisDuration(v, top),
    },
    read: (live, from, to) => plain(live.points.actions.window(from, to, live.interval)),
  },
  {
    id: "queues",
    title: "Queues, stacked",
    series: [
      { key: "actions", name: "Actions", color: "c1", side: "left", kind: "stacked", format: (v) => formatNumber(v) },
      { key: "events", name: "Events", color: "c3", side: "left", kind: "stacked", format: (v) => formatNumber(v) },
    ],
    left: { top: (max) => niceTop(max, 10), format: (v) => formatNumber(v) },
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
    left: { top: (max) => niceTop(max, 4), format: (v) => formatNumber(v) },
    read: (live, from, to) => {
      const { window, a, e } = paired(live, from, to, "errors");
      const sum = a.map((v, i) => (v === null && (e[i] ?? null) === null ? null : (v ?? 0) + (e[i] ?? 0)));
      return { ...window, columns: [sum], shown: [sum], count: count([sum], window.times, from, to) };
    },
  },
];

/** For the page of the system: what its processes are made of. */
export const COUNTS: TrackSpec = {
  id: "counts",
  title: "Threads and processes",
  series: [
    { key: "threads", name: "Threads", color: "c1", side: "left", kind: "line", format: (v) => formatNumber(v) },
    { key: "processes", name: "Processes", color: "c2", side: "right", kind: "line", format: (v) => formatNumber(v) },
  ],
  left: { top: (max) => niceTop(max, 10), format: (v) => formatNumber(v) },
  right: { top: (max) => niceTop(max, 4), format: (v) => formatNumber(v) },
  read: (live, from, to) => {
    const window = live.points.system.window(from, to, live.interval);
    return plain({ ...window, columns: window.columns.slice(2, 4) });
  },
};

function axisDuration(value: number, top: number): string {
  const { unit } = duration(top);
  const factor = unit === "µs" ? 1e6 : unit === "ms" ? 1e3 : 1;
  const shown = String(Number((value * factor).toPrecision(3)));
  return value === top ? `${shown} ${unit || "s"}` : shown;
}

import { formatBytes, formatDuration, formatNumber, formatPercentage } from "../core/format";
import type { Live } from "../core/live";
import type { PointRing, Window } from "../core/ring";
import { counted, LIMITS, MEMORY, memoryText, niceTop, PERCENT, plain, SECONDS, type AxisSpec, type Drawn, type SeriesSpec, type TrackSpec } from "./trackSpecs";

const NOTHING: Window = { times: [], columns: [], gaps: [], count: 0 };
const rate = (bytes: number) => `${formatBytes(bytes)}/s`;

/** Powers of 1024, of which halves read well too. */
const BYTES: AxisSpec = {
  top: (max) => {
    const power = 1024 ** Math.max(1, Math.floor(Math.log2(Math.max(1, max)) / 10));
    const step = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024].find((factor) => factor * power >= max * 1.08) ?? 1024;
    return step * power;
  },
  format: (v, top) => (v === top ? rate(v).replace(".00", "") : v === 0 ? "0" : formatBytes(v).replace(/\.0+ /, " ")),
};

interface Column {
  readonly column: string;
  readonly name: string;
  readonly color: string;
  readonly side?: "left" | "right";
  readonly format: (value: number) => string;
  /** Drawn beside one source's line: the same of all together, under this name. */
  readonly all?: string;
}

interface Track {
  readonly id: string;
  readonly title: string;
  readonly columns: readonly Column[];
  readonly left: AxisSpec;
  readonly right?: AxisSpec;
  readonly limits?: TrackSpec["limits"];
}

const TRACKS: readonly Track[] = [
  {
    id: "system",
    title: "CPU and memory",
    columns: [
      { column: "cpu_percent", name: "CPU", color: "c1", format: formatPercentage, all: "CPU, all" },
      { column: "memory_mb", name: "Memory", color: "c2", side: "right", format: memoryText, all: "Memory, all" },
    ],
    left: PERCENT,
    right: MEMORY,
    limits: LIMITS,
  },
  {
    id: "counts",
    title: "Threads and processes",
    columns: [
      { column: "thread_count", name: "Threads", color: "c1", format: (v) => formatNumber(v) },
      { column: "process_count", name: "Processes", color: "c2", side: "right", format: (v) => formatNumber(v) },
    ],
    left: counted(10),
    right: counted(4),
  },
  {
    id: "files",
    title: "Open files",
    columns: [{ column: "open_files", name: "Open files", color: "c1", format: (v) => formatNumber(v) }],
    left: counted(10),
  },
  {
    id: "io",
    title: "Storage",
    columns: [
      { column: "read_bytes_per_s", name: "Read", color: "c1", format: rate },
      { column: "written_bytes_per_s", name: "Written", color: "c2", format: rate },
    ],
    left: BYTES,
  },
  {
    id: "pauses",
    title: "Loop lag and GC pause",
    columns: [
      { column: "loop_lag_s", name: "Loop lag", color: "c1", format: formatDuration },
      { column: "gc_pause_s", name: "GC pause", color: "c2", format: formatDuration },
    ],
    left: SECONDS,
  },
];

/** What recording costs one source. */
const RECORDING: readonly Track[] = [
  {
    id: "own-cpu",
    title: "Recording, CPU",
    columns: [{ column: "own_cpu_percent", name: "of one core", color: "c1", format: formatPercentage }],
    left: { top: (max) => niceTop(max, 1), format: (v, top) => (v === top ? `${v} %` : String(Number(v.toPrecision(3)))) },
  },
  {
    id: "flush",
    title: "Flush, queue",
    columns: [
      { column: "flush_s", name: "Longest flush", color: "c1", format: formatDuration },
      { column: "queue_length", name: "Queue", color: "c2", side: "right", format: (v) => formatNumber(v) },
    ],
    left: SECONDS,
    right: counted(10),
  },
];

export const sourceTopic = (id: string): string => `source/${id}`;
const ringOf = (live: Live, source: string | null): PointRing | undefined =>
  source === null ? live.points.system : live.ringOf(sourceTopic(source));

/** What processes use: all together, or one source against all. */
export const processTracks = (source: string | null): readonly TrackSpec[] => TRACKS.map((track) => spec(track, source));
export const recordingTracks = (source: string): readonly TrackSpec[] => RECORDING.map((track) => spec(track, source));

/** Those of which anything is measured: no empty track for what nobody knows. */
export function measured(specs: readonly TrackSpec[], live: Live, source: string | null): TrackSpec[] {
  const ring = ringOf(live, source);
  return specs.filter(({ series }) => series.some(({ key }) => ring?.measures(key)));
}

function spec({ id, title, columns, left, right, limits }: Track, source: string | null): TrackSpec {
  const own = columns.map(series);
  const all = source === null ? [] : columns.filter((column) => column.all !== undefined);
  return {
    id,
    title,
    series: [...own, ...all.map((column) => ({ ...series(column), key: `all ${column.column}`, name: column.all ?? "", color: "base-line", dashed: true }))],
    left,
    ...(right ? { right } : {}),
    ...(limits ? { limits } : {}),
    rings: (live) => (source === null ? [live.points.system] : [ringOf(live, source), live.points.system]),
    read: (live, from, to) => read(live, source, columns, all, from, to),
  };
}

function series({ column, name, color, side = "left", format }: Column): SeriesSpec {
  return { key: column, name, color, side, kind: "line", format };
}

function read(live: Live, source: string | null, own: readonly Column[], all: readonly Column[], from: number, to: number): Drawn {
  const ring = ringOf(live, source);
  const window = ring?.window(from, to, live.interval) ?? NOTHING;
  const mine = own.map(({ column }) => window.columns[ring?.names.indexOf(column) ?? -1] ?? window.times.map(() => null));
  const system = live.points.system;
  const others = all.map(({ column }) => {
    const index = system.names.indexOf(column);
    return window.times.map((at) => system.rowAt(at + live.interval / 2, live.interval)?.[index] ?? null);
  });
  return plain({ ...window, columns: [...mine, ...others] });
}

import type { SparkData } from "../charts/Sparkline";
import {
  compact,
  formatChange,
  formatChangeCompact,
  formatCompact,
  formatNumber,
  formatPlain,
  mebibytes,
  percent,
  type Figure,
} from "../core/format";
import type { Live } from "../core/live";
import type { PointRing } from "../core/ring";
import type { ActionsTopic, EventsTopic, SystemTopic } from "../core/wire";

export type Level = "good" | "warn" | "crit";

export interface Topics {
  readonly system: SystemTopic | undefined;
  readonly actions: ActionsTopic | undefined;
  readonly events: EventsTopic | undefined;
}

export interface CardSpec {
  readonly id: string;
  readonly name: string;
  /** The figure, or undefined when it wasn't measured. */
  readonly value: (topics: Topics) => number | undefined;
  readonly figure: (value: number) => Figure;
  /** The same for a card that is too narrow for it. */
  readonly short?: (value: number) => Figure;
  readonly level?: (value: number) => Level;
  readonly read: (live: Live, from: number, to: number) => SparkData;
  readonly scale: { low?: number; high: number; limits?: readonly (readonly [number, string])[] };
  readonly bars?: boolean;
  /** Last figure less first of the stretch, in words. */
  readonly change: (difference: number) => string;
  /** Left out where there is no room beside the change. */
  readonly foot: (topics: Topics) => string;
  readonly note?: string;
}

const over = (warn: number, crit: number) => (value: number): Level =>
  value > crit ? "crit" : value > warn ? "warn" : "good";
const under = (good: number, warn: number) => (value: number): Level =>
  value >= good ? "good" : value >= warn ? "warn" : "crit";

type Ring = keyof Live["points"];

function column(ring: Ring, name: string) {
  return (live: Live, from: number, to: number): SparkData => pick(live.points[ring], name, live, from, to);
}

function pick(ring: PointRing, name: string, live: Live, from: number, to: number): SparkData {
  const { times, columns, gaps } = ring.window(from, to, live.interval);
  return { times, gaps, values: columns[ring.names.indexOf(name)] ?? [] };
}

function errors(live: Live, from: number, to: number): SparkData {
  const a = pick(live.points.actions, "errors", live, from, to);
  const e = pick(live.points.events, "errors", live, from, to);
  if (a.times.length === 0) return e;
  const ofEvents = new Map(e.times.map((at, i) => [at, e.values[i] ?? null]));
  const values = a.values.map((v, i) => {
    const other = ofEvents.get(a.times[i] ?? NaN) ?? null;
    return v === null && other === null ? null : (v ?? 0) + (other ?? 0);
  });
  return { ...a, values };
}

/** Both together; undefined only when neither was measured. */
function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0);
}

const plainChange = (difference: number) => formatChangeCompact(difference);

/** A count in full, and where that doesn't fit with its power before the unit: 43,713 /min, 43.7 k/min. */
function counted(unit: (value: number) => string, shortUnit = ""): Pick<CardSpec, "figure" | "short"> {
  return {
    figure: (v) => ({ value: formatNumber(v), unit: unit(v) }),
    short: (v) => {
      const { value, unit: power } = compact(v);
      return { value, unit: power ? `${power}${shortUnit}` : unit(v) };
    },
  };
}
const items = (value: number) => (value === 1 ? "item" : "items");

/** What is available doesn't move: 24 GiB says it, 23.54 GiB only takes room. */
function total(mib: number): string {
  const [size, unit] = mib < 1024 ? [mib, "MiB"] : mib < 1024 ** 2 ? [mib / 1024, "GiB"] : [mib / 1024 ** 2, "TiB"];
  return `${formatPlain(size < 10 ? Number(size.toFixed(1)) : Math.round(size))} ${unit}`;
}

function memoryChange(mib: number): string {
  const large = Math.abs(mib) >= 1024;
  const size = large ? mib / 1024 : mib;
  return `${formatChange(size, Math.abs(size) < 10 ? 1 : 0)} ${large ? "GiB" : "MiB"}`;
}

export const CARDS: readonly CardSpec[] = [
  {
    id: "cpu",
    name: "CPU",
    value: ({ system }) => system?.cpu_percent,
    figure: (v) => percent(v),
    level: over(50, 80),
    read: column("system", "cpu_percent"),
    scale: { high: 100, limits: [[50, "warn"], [80, "crit"]] },
    change: (d) => `${formatChange(d, 1)} pt`,
    foot: () => "50 / 80",
    note: "Share of the cores available; limits at 50 and 80 %",
  },
  {
    id: "memory",
    name: "Memory",
    value: ({ system }) => system?.memory_mb,
    figure: (v) => mebibytes(v),
    read: column("system", "memory_mb"),
    scale: { high: 1 },
    change: memoryChange,
    foot: ({ system }) => (system?.memory_total_mb === undefined ? "" : `of ${total(system.memory_total_mb)}`),
    note: "Resident, of what is available",
  },
  {
    id: "actions",
    name: "Actions",
    value: ({ actions }) => actions?.actions_per_minute,
    ...counted(() => "/min", "/min"),
    read: column("actions", "actions_per_minute"),
    scale: { high: 1 },
    change: plainChange,
    foot: ({ actions }) => (actions?.total_actions === undefined ? "" : `of ${formatCompact(actions.total_actions)}`),
    note: "In the last 60 s, of all that were recorded",
  },
  {
    id: "success",
    name: "Success",
    value: ({ actions }) => actions?.success_rate,
    figure: (v) => percent(v),
    level: under(95, 80),
    read: column("success", "success_rate"),
    scale: { low: 78, high: 100, limits: [[95, "warn"], [80, "crit"]] },
    change: (d) => `${formatChange(d, 2)} pt`,
    foot: () => "95 / 80",
    note: "Of all actions since start; limits at 95 and 80 %",
  },
  {
    id: "action-queue",
    name: "Action queue",
    value: ({ actions }) => actions?.queue_depth,
    ...counted(items),
    read: column("actions", "queue_depth"),
    scale: { high: 4 },
    change: plainChange,
    foot: () => "",
  },
  {
    id: "event-queue",
    name: "Event queue",
    value: ({ events }) => events?.queue_depth,
    ...counted(items),
    read: column("events", "queue_depth"),
    scale: { high: 4 },
    change: plainChange,
    foot: ({ events }) =>
      events?.events_processed === undefined ? "" : `${formatCompact(events.events_processed)} done`,
  },
  {
    id: "errors",
    name: "Errors",
    value: ({ actions, events }) => sum(actions?.error_count, events?.events_failed),
    ...counted(() => "in all", " in all"),
    read: errors,
    scale: { high: 2 },
    bars: true,
    change: () => "",
    foot: ({ actions, events }) => {
      const minute = sum(actions?.errors_per_minute, events?.errors_per_minute);
      return minute === undefined ? "" : `${formatCompact(minute)} in 60 s`;
    },
  },
  {
    id: "processes",
    name: "Processes",
    value: ({ system }) => system?.process_count,
    ...counted(() => ""),
    read: column("system", "process_count"),
    scale: { high: 2 },
    change: plainChange,
    foot: ({ system }) =>
      system?.thread_count === undefined ? "" : `${formatCompact(system.thread_count)} thread${system.thread_count === 1 ? "" : "s"}`,
  },
];

/** First and last figure of a stretch; undefined with fewer than two. */
export function changeOver(data: SparkData): number | undefined {
  const first = data.values.find((v) => v !== null);
  const last = data.values.findLast((v) => v !== null);
  if (first === undefined || last === undefined || first === null || last === null) return undefined;
  return data.values.filter((v) => v !== null).length < 2 ? undefined : last - first;
}


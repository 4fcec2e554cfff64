import type { SparkData } from "../charts/Sparkline";
import { formatChange, formatCompact, formatNumber, formatPlain, mebibytes, percent } from "../core/format";
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
  readonly figure: (value: number, topics: Topics) => { value: string; unit: string };
  readonly level?: (value: number) => Level;
  readonly read: (live: Live, from: number, to: number) => SparkData;
  readonly scale: { low?: number; high: number; limits?: readonly (readonly [number, string])[] };
  readonly bars?: boolean;
  /** Last figure less first of the stretch, in words. */
  readonly change: (difference: number) => string;
  readonly foot: (topics: Topics) => string;
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

const plainChange = (difference: number) => formatChange(difference);

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
  },
  {
    id: "memory",
    name: "Memory",
    value: ({ system }) => system?.memory_mb,
    figure: (v) => mebibytes(v),
    read: column("system", "memory_mb"),
    scale: { high: 1 },
    change: (d) => `${formatChange(d, Math.abs(d) < 10 ? 1 : 0)} MiB`,
    foot: ({ system }) => {
      const all = mebibytes(system?.memory_total_mb);
      return system?.memory_total_mb === undefined ? "" : `of ${formatPlain(Number(all.value.replaceAll(",", "")))} ${all.unit}`;
    },
  },
  {
    id: "actions",
    name: "Actions",
    value: ({ actions }) => actions?.actions_per_minute,
    figure: (v) => ({ value: formatNumber(v), unit: "per min" }),
    read: column("actions", "actions_per_minute"),
    scale: { high: 1 },
    change: plainChange,
    foot: ({ actions }) => `${formatCompact(actions?.total_actions)} in all`,
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
  },
  {
    id: "action-queue",
    name: "Action queue",
    value: ({ actions }) => actions?.queue_depth,
    figure: (v) => ({ value: formatNumber(v), unit: v === 1 ? "item" : "items" }),
    read: column("actions", "queue_depth"),
    scale: { high: 4 },
    change: plainChange,
    foot: () => "",
  },
  {
    id: "event-queue",
    name: "Event queue",
    value: ({ events }) => events?.queue_depth,
    figure: (v) => ({ value: formatNumber(v), unit: v === 1 ? "item" : "items" }),
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
    figure: (v) => ({ value: formatCompact(v), unit: "in all" }),
    read: errors,
    scale: { high: 2 },
    bars: true,
    change: () => "",
    foot: ({ actions, events }) => {
      const minute = sum(actions?.errors_per_minute, events?.errors_per_minute);
      return minute === undefined ? "" : `${formatNumber(minute)} in 60 s`;
    },
  },
  {
    id: "processes",
    name: "Processes",
    value: ({ system }) => system?.process_count,
    figure: (v, { system }) => ({
      value: formatNumber(v),
      unit: system?.thread_count === undefined ? "" : `${formatNumber(system.thread_count)} threads`,
    }),
    read: column("system", "process_count"),
    scale: { high: 2 },
    change: plainChange,
    foot: ({ system }) => (system?.cores === undefined ? "" : `${formatPlain(system.cores)} cores`),
  },
];

/** First and last figure of a stretch; undefined with fewer than two. */
export function changeOver(data: SparkData): number | undefined {
  const first = data.values.find((v) => v !== null);
  const last = data.values.findLast((v) => v !== null);
  if (first === undefined || last === undefined || first === null || last === null) return undefined;
  return data.values.filter((v) => v !== null).length < 2 ? undefined : last - first;
}


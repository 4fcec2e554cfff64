import type { IconName } from "./Icon";

export interface Place {
  readonly path: string;
  readonly name: string;
  readonly icon: IconName;
  /** After g. */
  readonly key: string;
  readonly about: string;
  /** One of the five at the bottom of a small screen. */
  readonly near?: boolean;
}

/** The rail. Metrics lives under /series because /metrics is what Prometheus reads. */
export const PLACES: readonly Place[] = [
  { path: "/", name: "Overview", icon: "overview", key: "o", about: "is it running, is it slow, where, since when", near: true },
  { path: "/pipelines", name: "Pipelines", icon: "pipelines", key: "p", about: "steps on a timeline, the bottleneck in words", near: true },
  { path: "/actions", name: "Actions", icon: "actions", key: "a", about: "every call timed: p50, p95, p99, errors", near: true },
  { path: "/system", name: "System", icon: "system", key: "s", about: "CPU, memory, threads of each process" },
  { path: "/quality", name: "Quality", icon: "quality", key: "q", about: "coverage, naming, structure, lint" },
  { path: "/series", name: "Metrics", icon: "metrics", key: "m", about: "counters, gauges and numbers from your database" },
  { path: "/alerts", name: "Alerts", icon: "alerts", key: "l", about: "a rule over any of these, to mail or a webhook", near: true },
  { path: "/sources", name: "Sources", icon: "sources", key: "u", about: "each process, live, ended or killed, and what was lost" },
];

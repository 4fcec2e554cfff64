import { isObject, type JsonObject } from "./json";

export interface PointTable {
  readonly columns?: readonly string[];
  /** Instant in milliseconds -> one figure per column, null where there is none. */
  readonly points?: Readonly<Record<string, readonly (number | null)[]>>;
}

export interface SystemTopic extends PointTable {
  readonly updated_at?: number;
  readonly interval_s?: number;
  readonly cpu_percent?: number;
  readonly memory_mb?: number;
  readonly memory_percent?: number;
  readonly memory_total_mb?: number;
  readonly thread_count?: number;
  readonly process_count?: number;
  readonly cores?: number;
  readonly own_cpu_percent?: number;
  readonly live?: number;
}

export interface NameFigures {
  readonly count?: number;
  readonly errors?: number;
  readonly rate?: number;
  readonly p50?: number;
  readonly p95?: number;
  readonly p99?: number;
  readonly mean?: number;
  readonly min?: number;
  readonly max?: number;
  readonly total_s?: number;
  readonly self_s?: number;
  /** Of the last 60 s; absent without a call. */
  readonly recent_p95?: number;
  readonly recent_s?: number;
  readonly services?: readonly string[];
}

export type Names = Readonly<Record<string, NameFigures>>;

export interface RunningAction {
  readonly name: string;
  readonly service?: string;
  readonly since_at: number;
}

export interface ActionsTopic extends PointTable {
  readonly updated_at?: number;
  readonly total_actions?: number;
  readonly error_count?: number;
  readonly success_rate?: number;
  readonly actions_per_minute?: number;
  readonly avg_duration?: number;
  readonly p95?: number;
  readonly errors_per_minute?: number;
  readonly queue_depth?: number;
  readonly current_action?: string;
  readonly current?: Readonly<Record<string, RunningAction>>;
  readonly names?: Names;
  readonly names_total?: number;
}

export interface EventsTopic extends PointTable {
  readonly updated_at?: number;
  readonly events_processed?: number;
  readonly events_failed?: number;
  readonly events_queued?: number;
  readonly success_rate?: number;
  readonly events_per_minute?: number;
  readonly avg_processing_time?: number;
  readonly p95?: number;
  readonly errors_per_minute?: number;
  readonly queue_depth?: number;
  readonly names?: Names;
  readonly names_total?: number;
}

export type SourceState = "live" | "silent" | "ended" | "failed" | "terminated" | "killed";

export interface Source {
  readonly id: string;
  readonly service?: string;
  readonly project?: string;
  readonly host?: string;
  readonly pid?: number;
  readonly state?: SourceState;
  readonly started_at?: number;
  readonly last_at?: number;
  readonly ended_at?: number;
  readonly reason?: string;
  readonly command?: readonly string[];
  readonly git_commit?: string;
  readonly python?: string;
  readonly sdk?: string;
  readonly sent?: number;
  readonly received?: number;
  readonly lost?: number;
  readonly sampled?: number;
  readonly late?: number;
  readonly losses?: Readonly<Record<string, number>>;
  readonly own_cpu_percent?: number;
  readonly cpu_percent?: number;
  readonly memory_mb?: number;
  readonly thread_count?: number;
  readonly process_count?: number;
  /** The rest comes from `tacho run`, which sees the program from outside. */
  readonly exit_code?: number;
  readonly signal?: string;
  /** An exception that nobody caught. */
  readonly error?: string;
  /** Last of what it wrote to its standard error. */
  readonly lines?: readonly string[];
  /** What its main thread was doing, outermost call first. */
  readonly stack?: readonly string[];
}

export interface SourcesTopic {
  readonly live?: number;
  readonly total?: number;
  readonly sent?: number;
  readonly received?: number;
  readonly lost?: number;
  readonly sampled?: number;
  readonly late?: number;
  readonly sources?: Readonly<Record<string, Source>>;
}

/** The topics of this page, with the shape that each one's value has. */
export interface TopicShapes {
  system: SystemTopic;
  actions: ActionsTopic;
  events: EventsTopic;
  sources: SourcesTopic;
}
export type PageTopic = keyof TopicShapes;
export const PAGE_TOPICS: readonly PageTopic[] = ["system", "actions", "events", "sources"];

export interface Hello {
  readonly type: "hello";
  readonly server?: string;
  readonly epoch?: string;
  readonly now?: number;
  readonly interval_s?: number;
  readonly role?: string;
  readonly topics?: readonly string[];
  readonly host?: string;
  readonly home?: string;
  readonly first_frame?: boolean;
}

export type ServerMessage =
  | Hello
  | { readonly type: "snapshot"; readonly topic: string; readonly pos: string; readonly value: JsonObject }
  | { readonly type: "delta"; readonly topic: string; readonly pos: string; readonly value: JsonObject }
  | { readonly type: "tick"; readonly now: number }
  | { readonly type: "pong"; readonly now?: number }
  | { readonly type: "refused"; readonly code: string; readonly seen?: string; readonly allowed?: string };

/** A message from the socket as an object with a type, or null for what isn't one. */
export function readMessage(text: string): (JsonObject & { readonly type: string }) | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return isObject(value) && typeof value.type === "string"
    ? (value as JsonObject & { readonly type: string })
    : null;
}

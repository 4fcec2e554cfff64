import { isObject, type JsonObject } from "./json";

export interface PointTable {
  readonly columns?: readonly string[];
  /** Instant in milliseconds -> one figure per column, null where there is none. */
  readonly points?: Readonly<Record<string, readonly (number | null)[]>>;
  /** Instant in milliseconds -> why that tick has no point, or what its point is without. */
  readonly gaps?: Readonly<Record<string, string>>;
}

/** What a process uses; the same names for one source and for all together. */
export interface ProcessFigures {
  readonly cpu_percent?: number;
  readonly memory_mb?: number;
  readonly thread_count?: number;
  readonly process_count?: number;
  readonly open_files?: number;
  readonly read_bytes_per_s?: number;
  readonly written_bytes_per_s?: number;
  readonly loop_lag_s?: number;
  readonly gc_pause_s?: number;
  readonly gc_percent?: number;
  readonly own_cpu_percent?: number;
}

export interface SystemTopic extends PointTable, ProcessFigures {
  readonly updated_at?: number;
  readonly interval_s?: number;
  readonly memory_percent?: number;
  readonly memory_total_mb?: number;
  readonly cores?: number;
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

/** What a timed name is: the topics and pages of the two are alike. */
export type NameKind = "action" | "event";

/** One line of `GET /api/names`. */
export interface NameRow extends NameFigures {
  readonly name: string;
  /** Calls in each of the last 30 stretches of 2 s, oldest first. */
  readonly recent_counts?: readonly number[];
}

/** One error of a name, with what was known where it happened. */
export interface RecentError {
  readonly at: number;
  readonly service?: string;
  readonly source?: string;
  readonly duration_s?: number;
  readonly error?: string;
  /** The traceback as Python prints it; absent where none was recorded. */
  readonly trace?: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
}

export interface RunningCall {
  readonly service?: string;
  readonly since_at: number;
}

/** `action/{name}` and `event/{name}`. */
export interface NameTopic extends PointTable, NameFigures {
  readonly name?: string;
  readonly kind?: string;
  readonly updated_at?: number;
  readonly recent_errors?: Readonly<Record<string, RecentError>>;
  readonly running?: Readonly<Record<string, RunningCall>>;
}

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

export interface Source extends ProcessFigures {
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
  /** Of the recording itself, in its last interval: longest flush, most records that waited for one. */
  readonly flush_s?: number;
  readonly queue_length?: number;
  /** By how much its instants are behind this server's clock; they are corrected by it. Absent below 1 s. */
  readonly clock_offset_s?: number;
  /** By how much its wall clock was set since its start. */
  readonly clock_jump_s?: number;
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
  /** What the server itself had to drop, by reason. */
  readonly server_losses?: Readonly<Record<string, number>>;
  readonly sources?: Readonly<Record<string, Source>>;
}

/** `source/{id}`: one source's row and its own window. */
export interface SourceTopic extends Partial<Source>, PointTable {}

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
  /** False while this server keeps no history. */
  readonly stored?: boolean;
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

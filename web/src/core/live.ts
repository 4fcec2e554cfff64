import { ServerClock } from "./clock";
import { browser, Connection, SILENT_MS, type Surroundings } from "./connection";
import type { JsonObject } from "./json";
import { Poller, type Fetch } from "./poller";
import { PointRing } from "./ring";
import { TopicStore, type Undo } from "./topicStore";
import { PAGE_TOPICS, type ActionsTopic, type Hello, type Names, type PointTable } from "./wire";

export type LinkState = "connecting" | "live" | "reconnecting" | "polling" | "offline" | "denied";

/** How this page hears from the server. A new object whenever something in it changes. */
export interface Link {
  readonly state: LinkState;
  /** Server time when the data was last known to be current. */
  readonly heardAt: number | undefined;
  /** When the next try comes (server time), while there is no socket. */
  readonly retryAt: number | undefined;
  readonly roundTripMs: number | undefined;
  readonly hello: Hello | undefined;
}

export interface LiveOptions {
  readonly project: string | null;
  /** `ws://host:port` of the server. */
  readonly origin: string;
  readonly fetch: Fetch;
  readonly schedule: (flush: () => void) => void;
  readonly around?: Surroundings;
}

/** After so many failures in a row the page asks over HTTP meanwhile. */
export const POLL_AFTER = 3;
export const POLL_MS = 2000;

/** Sums per name at one instant: the figures before the last 60 s are their difference to now. */
export interface NamesAt {
  readonly at: number;
  readonly names: Names;
}

const NAMES_KEPT_S = 75;
/** Seconds that the points of a topic reach back when it is first sent. */
const WINDOW_S = 60;

const SYSTEM_COLUMNS = [
  "cpu_percent",
  "memory_mb",
  "thread_count",
  "process_count",
  "open_files",
  "read_bytes_per_s",
  "written_bytes_per_s",
  "loop_lag_s",
  "gc_pause_s",
];

/** Columns of the topics that the page follows only while somebody looks at them, by the word before the slash. */
const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  source: [...SYSTEM_COLUMNS, "own_cpu_percent", "flush_s", "queue_length"],
  action: ["count", "errors", "p50_s", "p95_s", "p99_s", "mean_s"],
  event: ["count", "errors", "p50_s", "p95_s", "p99_s", "mean_s"],
};

/**
 * Everything that one project's page knows: topics, points, connection, the server's time.
 *
 * Lives outside React. Charts read the rings in their own animation frame; views subscribe.
 */
export class Live {
  readonly project: string | null;
  readonly topics: TopicStore;
  readonly clock: ServerClock;
  readonly points: Readonly<Record<"system" | "actions" | "events" | "success", PointRing>>;
  /** Names of actions over the last 75 s, oldest first, as far as this page has seen them. */
  readonly namesSeen: NamesAt[] = [];
  private readonly options: LiveOptions;
  private readonly around: Surroundings;
  private readonly connection: Connection;
  private readonly poller: Poller;
  private readonly listeners = new Set<() => void>();
  private readonly extra = new Map<string, number>();
  private readonly extraPoints = new Map<string, PointRing>();
  private cancelPoll: () => void = () => undefined;
  private telling = false;
  private stopped = true;
  private current: Link = {
    state: "connecting",
    heardAt: undefined,
    retryAt: undefined,
    roundTripMs: undefined,
    hello: undefined,
  };

  constructor(options: LiveOptions) {
    this.options = options;
    this.project = options.project;
    this.around = options.around ?? browser;
    this.topics = new TopicStore(options.schedule);
    this.clock = new ServerClock(this.around.now);
    this.poller = new Poller(options.fetch);
    this.points = {
      system: new PointRing(SYSTEM_COLUMNS),
      actions: new PointRing([
        "actions_per_minute",
        "avg_duration_s",
        "p95_s",
        "queue_depth",
        "errors",
      ]),
      events: new PointRing([
        "events_per_minute",
        "avg_processing_time_s",
        "p95_s",
        "queue_depth",
        "errors",
      ]),
      success: new PointRing(["success_rate"]),
    };
    this.connection = new Connection(
      {
        url: () => this.url(),
        onMessage: (message) => this.take(message),
        onLive: () => this.becameLive(),
        onLost: (attempt, waitMs, hadBeenLive) => this.lost(attempt, waitMs, hadBeenLive),
        onDenied: () => this.deny(),
      },
      this.around,
    );
  }

  get link(): Link {
    return this.current;
  }

  /** Seconds between two ticks of the server; 1 until it has said so. */
  get interval(): number {
    const topic = this.topics.get("system")?.interval_s;
    return this.current.hello?.interval_s ?? (typeof topic === "number" ? topic : 1);
  }

  start(): Undo {
    this.stopped = false;
    this.connection.open();
    return () => {
      this.stopped = true;
      this.cancelPoll();
      this.connection.close();
    };
  }

  /** The network is back, or somebody looks again: don't wait any longer. */
  wake(): void {
    if (!this.stopped && this.current.state !== "denied") this.connection.retry();
  }

  onLink(listener: () => void): Undo {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  /** The points of a topic that somebody follows, empty as long as none came; undefined when it has none. */
  ringOf(topic: string): PointRing | undefined {
    if (isPointTopic(topic)) return this.points[topic];
    return this.extraPoints.get(topic);
  }

  /** Ask the server over HTTP, for this page's project. */
  request(path: string, query: URLSearchParams = new URLSearchParams(), init?: RequestInit): Promise<Response> {
    if (this.project !== null) query.set("project", this.project);
    return this.options.fetch(query.size ? `${path}?${query}` : path, { cache: "no-store", ...init });
  }

  /** Follow a topic that the page doesn't follow anyway. */
  follow(topic: string): Undo {
    if ((PAGE_TOPICS as readonly string[]).includes(topic)) return () => undefined;
    const readers = this.extra.get(topic) ?? 0;
    this.extra.set(topic, readers + 1);
    if (readers === 0) this.begin(topic);
    return () => {
      const left = (this.extra.get(topic) ?? 1) - 1;
      if (left > 0) this.extra.set(topic, left);
      else {
        this.extra.delete(topic);
        this.extraPoints.delete(topic);
        this.topics.forget(topic);
        if (this.connection.isLive) this.connection.send({ type: "unsubscribe", topics: [topic] });
      }
    };
  }

  /** The address for the next try, with the positions to go on from. */
  url(): string {
    const query = new URLSearchParams({ topics: PAGE_TOPICS.join(",") });
    if (this.project !== null) query.set("project", this.project);
    // Names of people's own may hold commas: the other topics are asked for once the connection is there.
    const since = [...this.topics.positions()]
      .filter(([topic]) => (PAGE_TOPICS as readonly string[]).includes(topic))
      .map(([topic, pos]) => `${topic}:${pos}`);
    if (since.length) query.set("since", since.join(","));
    return `${this.options.origin}/ws?${query}`;
  }

  private begin(topic: string): void {
    const columns = COLUMNS[topic.slice(0, topic.indexOf("/"))];
    if (columns !== undefined) this.extraPoints.set(topic, new PointRing(columns));
    if (this.connection.isLive) this.connection.send({ type: "subscribe", topics: [topic] });
  }

  private take(message: JsonObject & { readonly type: string }): void {
    const { type, topic, pos, value, now } = message;
    if (typeof now === "number") this.clock.hear(now);
    if (type === "pong") {
      // A pong says how far away the server is, and nothing about the data.
      this.set({ roundTripMs: this.connection.roundTripMs });
      return;
    }
    if (type === "hello") this.greet(message as unknown as Hello);
    if (typeof topic === "string" && typeof pos === "string") {
      const change = value as JsonObject;
      if (type === "snapshot") this.snapshot(topic, pos, change);
      if (type === "delta") this.delta(topic, pos, change);
    }
    // Sums that don't move are news too: nothing was called meanwhile.
    if (type === "tick") this.noteNames(this.topics.get("actions") as ActionsTopic | undefined);
    if (type !== "refused") this.set({ heardAt: this.clock.now() });
  }

  private greet(hello: Hello): void {
    this.connection.silentMs = Math.max(SILENT_MS, 3000 * (hello.interval_s ?? 1));
    this.set({ hello });
  }

  private snapshot(topic: string, pos: string, value: JsonObject): void {
    // What is still under way when the last reader has gone would stay for ever.
    if (!this.follows(topic)) return;
    this.topics.snapshot(topic, pos, value);
    const ring = this.ringOf(topic);
    if (ring) ring.knownFrom ??= this.clock.now() - WINDOW_S;
    ring?.take(value as PointTable);
    if (topic === "actions") this.noteActions(value as ActionsTopic);
  }

  private follows(topic: string): boolean {
    return (PAGE_TOPICS as readonly string[]).includes(topic) || this.extra.has(topic);
  }

  private delta(topic: string, pos: string, change: JsonObject): void {
    if (!this.follows(topic)) return;
    if (!this.topics.delta(topic, pos, change)) {
      void this.refetch(topic);
      return;
    }
    const value = this.topics.get(topic);
    if (value !== undefined) {
      // Only what came: the rest of the points is in the ring already.
      this.ringOf(topic)?.take({
        columns: (value as PointTable).columns,
        points: withoutNulls((change as PointTable).points),
        gaps: (change as PointTable).gaps,
      });
    }
    if (topic === "actions" && value !== undefined) this.noteActions(value as ActionsTopic);
  }

  private noteActions(value: ActionsTopic): void {
    const newest = this.points.actions.newest;
    if (newest !== undefined && newest > (this.points.success.newest ?? -Infinity)) {
      this.points.success.append(newest, [value.success_rate ?? null]);
    }
    this.noteNames(value);
  }

  private noteNames(value: ActionsTopic | undefined): void {
    const at = this.clock.now();
    const last = this.namesSeen.at(-1);
    if (value?.names === undefined || (last && at - last.at < 0.9)) return;
    this.namesSeen.push({ at, names: value.names });
    while (this.namesSeen.length > 2 && (this.namesSeen[1]?.at ?? at) < at - NAMES_KEPT_S) {
      this.namesSeen.shift();
    }
  }

  private becameLive(): void {
    this.cancelPoll();
    if (this.extra.size) this.connection.send({ type: "subscribe", topics: [...this.extra.keys()] });
    this.set({ state: "live", retryAt: undefined });
  }

  private lost(attempt: number, waitMs: number, hadBeenLive: boolean): void {
    const retryAt = this.clock.now() + waitMs / 1000;
    const polls = this.current.state === "polling" || this.current.state === "offline";
    this.set({ retryAt, state: polls ? this.current.state : this.waitingState(hadBeenLive) });
    // A handshake that is refused with 401 reaches a page as a plain failure: ask over HTTP.
    if (attempt >= POLL_AFTER || (attempt === 1 && !hadBeenLive)) {
      if (!polls) this.poll(attempt >= POLL_AFTER);
    }
  }

  private waitingState(hadBeenLive: boolean): LinkState {
    const never = this.current.heardAt === undefined && !hadBeenLive;
    return never ? "connecting" : "reconnecting";
  }

  private poll(goOn: boolean): void {
    this.cancelPoll();
    let cancelled = false;
    let cancelNext: () => void = () => undefined;
    this.cancelPoll = () => {
      cancelled = true;
      cancelNext();
    };
    const round = async () => {
      const results = await Promise.all(
        [...PAGE_TOPICS, ...this.extra.keys()].map((topic) => this.fetchTopic(topic)),
      );
      if (cancelled || this.stopped || this.connection.isLive) return;
      if (results.includes("denied")) {
        this.deny();
        return;
      }
      if (!goOn) return;
      const works = results.some((kind) => kind !== "failed");
      if (works) this.set({ state: "polling", heardAt: this.clock.now() });
      else this.set({ state: "offline" });
      cancelNext = this.around.after(POLL_MS, () => void round());
    };
    void round();
  }

  private async fetchTopic(topic: string, whole = false): Promise<string> {
    const since = whole ? undefined : this.topics.positions().get(topic);
    const result = await this.poller.ask(topic, since, this.project);
    if (this.stopped || (this.connection.isLive && !whole)) return result.kind;
    if (result.kind === "changed") {
      const { pos, value, delta } = result.answer;
      if (value !== undefined) this.snapshot(topic, pos, value);
      else if (delta !== undefined && since === this.topics.positions().get(topic)) {
        this.delta(topic, pos, delta);
      }
    }
    return result.kind;
  }

  private async refetch(topic: string): Promise<void> {
    await this.fetchTopic(topic, true);
  }

  private deny(): void {
    this.cancelPoll();
    this.connection.close();
    this.set({ state: "denied", retryAt: undefined });
  }

  private set(change: Partial<Link>): void {
    this.current = { ...this.current, ...change };
    if (this.telling) return;
    this.telling = true;
    this.options.schedule(() => {
      this.telling = false;
      for (const listener of this.listeners) listener();
    });
  }
}

function isPointTopic(topic: string): topic is "system" | "actions" | "events" {
  return topic === "system" || topic === "actions" || topic === "events";
}

function withoutNulls(points: PointTable["points"] | undefined): PointTable["points"] {
  if (points === undefined) return undefined;
  return Object.fromEntries(Object.entries(points).filter(([, row]) => Array.isArray(row)));
}

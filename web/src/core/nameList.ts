import { namesParams, type NameQuery } from "./nameQuery";
import { RowOrder } from "./rowOrder";
import type { Undo } from "./topicStore";
import type { NameRow } from "./wire";

/** One page of names, as the server answers it. */
export interface NamesAnswer {
  readonly items: readonly NameRow[];
  readonly matching: number;
  readonly total: number;
  /** Self time of all names together, in seconds; absent where nobody has added it up. */
  readonly self_s?: number;
}

export type LoadNames = (query: NameQuery, offset: number, limit: number, signal: AbortSignal) => Promise<NamesAnswer>;

export interface NameListState {
  readonly query: NameQuery | undefined;
  /** Undefined until the first answer to this question. */
  readonly matching: number | undefined;
  readonly total: number | undefined;
  readonly self_s: number | undefined;
  /** The last try failed; the rows are those from before. */
  readonly failed: boolean;
  readonly held: boolean;
  /** Local time in seconds of the newest answer. */
  readonly loadedAt: number | undefined;
  /** Grows with each change of rows. */
  readonly version: number;
}

export interface ListedRow {
  readonly row: NameRow;
  /** The last answers said nothing of it: it has moved away while the order is held. */
  readonly old: boolean;
}

interface Surroundings {
  readonly now: () => number;
  readonly after: (ms: number, run: () => void) => () => void;
}

const STEP = 50;
const MOST = 500;
/** While somebody types or turns the wheel, not every step is asked for. */
const PATIENCE_MS = 90;
const KEPT = 2000;
/** So many times as long as an answer took, nothing is asked anew. */
const REST = 3;

const empty: NameListState = {
  query: undefined,
  matching: undefined,
  total: undefined,
  self_s: undefined,
  failed: false,
  held: false,
  loadedAt: undefined,
  version: 0,
};

/**
 * A list of any number of names, of which only what is looked at is loaded, and loaded anew.
 *
 * One request at a time. While it is held, rows keep their places and only figures change.
 */
export class NameList {
  private current: NameListState = empty;
  private readonly load: LoadNames;
  private readonly around: Surroundings;
  private readonly order = new RowOrder();
  private readonly rows = new Map<string, { row: NameRow; at: number }>();
  private readonly readers = new Set<() => void>();
  private look = { first: 0, end: STEP };
  private asking: AbortController | undefined;
  private cancelSoon: (() => void) | undefined;
  /** The rows are an answer to the question asked now, not to the one before. */
  private answered = false;
  private paused = false;
  /** Not before this time, in local seconds: who takes long to answer is asked less often. */
  private restUntil = -Infinity;

  constructor(load: LoadNames, around: Surroundings) {
    this.load = load;
    this.around = around;
  }

  get state(): NameListState {
    return this.current;
  }

  rowAt(place: number): ListedRow | undefined {
    const name = this.order.at(place);
    const found = name === undefined ? undefined : this.rows.get(name);
    if (found === undefined) return undefined;
    return { row: found.row, old: this.current.held && found.at < (this.current.loadedAt ?? 0) };
  }

  subscribe(reader: () => void): Undo {
    this.readers.add(reader);
    return () => {
      this.readers.delete(reader);
    };
  }

  /** Another question; the rows of the one before stay until it is answered. The same one changes nothing. */
  ask(query: NameQuery): void {
    const before = this.current.query;
    if (before !== undefined && namesParams(before, 0, 0).toString() === namesParams(query, 0, 0).toString()) return;
    this.asking?.abort();
    this.asking = undefined;
    this.answered = false;
    this.set({ query, failed: false });
    this.soon(before?.search === query.search ? 0 : PATIENCE_MS);
  }

  /** These rows are in view now. */
  show(first: number, end: number): void {
    this.look = { first, end };
    if (this.unknown() && this.asking === undefined) this.soon(PATIENCE_MS);
  }

  hold(held: boolean): void {
    if (held === this.current.held) return;
    this.set({ held });
    this.restUntil = -Infinity;
    if (!held) this.refresh();
  }

  /** While paused, what is known stays as it is; only what isn't is loaded. */
  pause(paused: boolean): void {
    this.paused = paused;
  }

  /** Load what is in view anew. Does nothing while an answer is still on its way, or the server needs a rest. */
  refresh(): void {
    if (this.asking !== undefined) return;
    const due = !this.paused && this.around.now() >= this.restUntil;
    if (due || this.unknown()) void this.fetch();
  }

  /** Whether rows shown are still those of the question before. */
  get waiting(): boolean {
    return !this.answered;
  }

  private unknown(): boolean {
    if (!this.answered) return true;
    const end = Math.min(this.look.end, this.current.matching ?? this.look.end);
    for (let place = this.look.first; place < end; place += 1) {
      if (this.order.at(place) === undefined) return true;
    }
    return false;
  }

  private soon(ms: number): void {
    this.cancelSoon?.();
    this.cancelSoon = this.around.after(ms, () => {
      this.cancelSoon = undefined;
      this.refresh();
    });
  }

  /** What is looked at with some rows beside it; more while held, to find those that moved away. */
  private stretch(): { offset: number; limit: number } {
    const beside = this.current.held ? 2 * STEP : STEP / 2;
    const offset = Math.floor(Math.max(0, this.look.first - beside) / STEP) * STEP;
    const end = Math.ceil((this.look.end + beside) / STEP) * STEP;
    return { offset, limit: Math.min(MOST, end - offset) };
  }

  private async fetch(): Promise<void> {
    const { query } = this.current;
    if (query === undefined) return;
    const asking = (this.asking = new AbortController());
    const began = this.around.now();
    const { offset, limit } = this.stretch();
    try {
      const answer = await this.load(query, offset, limit, asking.signal);
      if (this.asking !== asking) return;
      this.take(offset, answer);
    } catch {
      if (this.asking !== asking) return;
      this.set({ failed: true });
    }
    this.asking = undefined;
    this.restUntil = this.around.now() + REST * (this.around.now() - began);
    // Somebody has gone on meanwhile. What failed waits for the next tick.
    if (!this.current.failed && this.outside(offset, limit) && this.unknown()) this.soon(0);
  }

  private outside(offset: number, limit: number): boolean {
    return this.look.first < offset || Math.min(this.look.end, this.current.matching ?? 0) > offset + limit;
  }

  private take(offset: number, answer: NamesAnswer): void {
    const at = this.around.now();
    if (!this.answered) {
      this.order.clear();
      this.rows.clear();
      this.answered = true;
    }
    const names = answer.items.map(({ name }) => name);
    for (const row of answer.items) this.rows.set(row.name, { row, at });
    if (this.current.held) this.order.fill(offset, names);
    else this.order.set(offset, names);
    this.forget(answer.matching);
    this.set({
      matching: answer.matching,
      total: answer.total,
      self_s: answer.self_s,
      failed: false,
      loadedAt: at,
      version: this.current.version + 1,
    });
  }

  /** What lies far from what is looked at is asked for again when somebody comes back. */
  private forget(matching: number): void {
    const middle = (this.look.first + this.look.end) / 2;
    this.order.keep(Math.max(0, middle - KEPT / 2), Math.min(matching, middle + KEPT / 2));
    for (const name of [...this.rows.keys()]) {
      if (this.order.placeOf(name) === undefined) this.rows.delete(name);
    }
  }

  private set(change: Partial<NameListState>): void {
    this.current = { ...this.current, ...change };
    for (const reader of this.readers) reader();
  }
}

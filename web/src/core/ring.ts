import { GapCauses } from "./gaps";
import type { PointTable } from "./wire";

/** Aligned columns for a chart. Time in seconds; a null breaks the line. */
export interface Window {
  readonly times: number[];
  readonly columns: (number | null)[][];
  /** Stretches [from, to] in seconds in which ticks are missing. */
  readonly gaps: readonly (readonly [number, number])[];
  /** How many instants carry at least one figure. */
  readonly count: number;
}

/** Ticks come a little early or late; only from here on one is missing. */
const MISSING = 1.75;

/**
 * The last `capacity` points of a topic, in flat arrays that are allocated once.
 *
 * Kept longer than the server's window, so that a paused view still has its points.
 * What was not measured is NaN inside and null outside, never 0.
 */
export class PointRing {
  readonly names: readonly string[];
  readonly capacity: number;
  /** Grows with every change; a chart that has drawn this version has nothing to do. */
  version = 0;
  /** From when on a point that isn't here was not measured; undefined while nothing is known. */
  knownFrom: number | undefined;
  /** Why points are missing, as far as the server has said. */
  readonly causes: GapCauses;
  private readonly times: Float64Array;
  private readonly values: readonly Float64Array[];
  private head = 0;
  private size = 0;

  constructor(names: readonly string[], capacity = 1200) {
    this.names = names;
    this.capacity = capacity;
    this.causes = new GapCauses(capacity);
    this.times = new Float64Array(capacity);
    this.values = names.map(() => new Float64Array(capacity));
  }

  get length(): number {
    return this.size;
  }

  /** Instant of the newest point in seconds, or undefined. */
  get newest(): number | undefined {
    return this.size ? this.timeAt(this.size - 1) : undefined;
  }

  get oldest(): number | undefined {
    return this.size ? this.timeAt(0) : undefined;
  }

  /** The figure of a column `back` points before the newest; null when absent. */
  last(name: string, back = 0): number | null {
    return this.valueAt(this.names.indexOf(name), this.size - 1 - back);
  }

  /** Take the points of a topic's value that are not here yet. */
  take(table: PointTable): void {
    const { columns, points, gaps } = table;
    const told = Math.max(...Object.keys(points ?? {}).map((ms) => Number(ms) / 1000), this.newest ?? -Infinity);
    if (gaps !== undefined && this.causes.take(gaps, told)) this.version += 1;
    if (columns === undefined || points === undefined) return;
    const order = this.names.map((name) => columns.indexOf(name));
    const newest = this.newest ?? -Infinity;
    const fresh = Object.entries(points)
      .map(([ms, row]) => ({ at: Number(ms) / 1000, row: order.map((i) => row[i] ?? null) }))
      .sort((a, b) => a.at - b.at);
    const late = fresh.filter((point) => point.at < newest && !this.has(point.at));
    if (late.length) this.rebuild(late);
    for (const point of fresh) if (point.at > newest) this.append(point.at, point.row);
  }

  append(at: number, row: readonly (number | null)[]): void {
    const slot = (this.head + this.size) % this.capacity;
    this.times[slot] = at;
    this.values.forEach((column, i) => {
      column[slot] = row[i] ?? NaN;
    });
    if (this.size < this.capacity) this.size += 1;
    else this.head = (this.head + 1) % this.capacity;
    this.version += 1;
  }

  /** Whether a column carries any figure at all. */
  measures(name: string): boolean {
    const column = this.values[this.names.indexOf(name)];
    if (column === undefined) return false;
    for (let i = 0; i < this.size; i += 1) {
      if (!Number.isNaN(column[(this.head + i) % this.capacity])) return true;
    }
    return false;
  }

  /** Instants from `from` to `to` that have a point although something of it is missing. */
  incomplete(from: number, to: number): number[] {
    return this.causes.within(from, to).filter((at) => this.has(at));
  }

  /**
   * The points from `from` to `to` (seconds), one more at each side so that lines reach the edge.
   *
   * `interval` is the time between two ticks: a longer way between two points is a gap, gets a
   * null of its own in every column and is listed.
   */
  window(from: number, to: number, interval: number): Window {
    const times: number[] = [];
    const columns: (number | null)[][] = this.names.map(() => []);
    const gaps: [number, number][] = [];
    let count = 0;
    let before = NaN;
    const first = Math.max(0, this.indexFrom(from) - 1);
    for (let i = first; i < this.size; i += 1) {
      const at = this.timeAt(i);
      if (at - before > interval * MISSING) {
        gaps.push([before, at]);
        times.push((before + at) / 2);
        for (const column of columns) column.push(null);
      }
      times.push(at);
      columns.forEach((column, c) => column.push(this.valueAt(c, i)));
      if (at >= from && at <= to && columns.some((column) => column.at(-1) !== null)) count += 1;
      before = at;
      if (at > to) break;
    }
    return { times, columns, gaps: [...gaps, ...this.told(times, from, to, interval)], count };
  }

  /** Gaps at the ends, where no point follows or comes before: only those with a cause are known. */
  private told(times: readonly number[], from: number, to: number, interval: number): [number, number][] {
    const ends = this.causes.within(from, to);
    const [first, last] = [times[0] ?? Infinity, times.at(-1) ?? -Infinity];
    const found: [number, number][] = [];
    const head = ends.filter((at) => at < first);
    const tail = ends.filter((at) => at > last && at > first);
    if (head.length) found.push([(head[0] ?? 0) - interval, Math.min(first, (head.at(-1) ?? 0) + interval)]);
    if (tail.length) found.push([last, Math.max(tail.at(-1) ?? 0, last) + interval]);
    return found;
  }

  /** The figures of the newest point at or before `at`, unless it is older than `reach` seconds. */
  rowAt(at: number, reach: number): (number | null)[] | null {
    const i = this.indexFrom(at + 1e-9) - 1;
    if (i < 0 || at - this.timeAt(i) > reach) return null;
    return this.names.map((_, c) => this.valueAt(c, i));
  }

  clear(): void {
    this.head = this.size = 0;
    this.version += 1;
  }

  private has(at: number): boolean {
    const i = this.indexFrom(at);
    return i < this.size && this.timeAt(i) === at;
  }

  /** Points that come late, after a resume, go to their place. */
  private rebuild(late: readonly { at: number; row: (number | null)[] }[]): void {
    const kept = Array.from({ length: this.size }, (_, i) => ({
      at: this.timeAt(i),
      row: this.names.map((_, c) => this.valueAt(c, i)),
    }));
    this.clear();
    const all = [...kept, ...late].sort((a, b) => a.at - b.at);
    for (const point of all.slice(-this.capacity)) this.append(point.at, point.row);
  }

  private timeAt(i: number): number {
    return this.times[(this.head + i) % this.capacity] ?? NaN;
  }

  private valueAt(column: number, i: number): number | null {
    const value = this.values[column]?.[(this.head + i) % this.capacity];
    return i < 0 || i >= this.size || value === undefined || Number.isNaN(value) ? null : value;
  }

  /** Index of the first point at or after `at`. */
  private indexFrom(at: number): number {
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.timeAt(middle) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

import { formatClock, formatSpan } from "./format";

/** A stretch without points, in seconds, and why, as far as that is known. */
export interface Gap {
  readonly from: number;
  readonly to: number;
  readonly cause: string | undefined;
}

/** Who knows why points are missing. */
export interface Causes {
  /** The cause nearest to `at` within a stretch. */
  nearest(at: number, from: number, to: number): string | undefined;
}

/** The server's window in seconds: what it takes back within it was no gap, what leaves it was one. */
const WINDOW_S = 60;

/**
 * Why ticks have no point, by instant; the newest `capacity` of them.
 *
 * Kept longer than the server's window, as the points are.
 */
export class GapCauses implements Causes {
  private readonly capacity: number;
  private readonly causes = new Map<number, string>();
  /** The newest instant that the server has spoken of. */
  private newest = -Infinity;

  constructor(capacity = 1200) {
    this.capacity = capacity;
  }

  /**
   * Take a topic's `gaps`, whole or as a patch (null deletes); whether anything changed.
   *
   * `newest` is the newest instant of the same message's points.
   */
  take(gaps: Readonly<Record<string, string | null>>, newest = -Infinity): boolean {
    const entries = Object.entries(gaps).map(([ms, cause]) => [Number(ms) / 1000, cause] as const);
    const told = entries.filter(([, cause]) => cause !== null).map(([at]) => at);
    this.newest = Math.max(this.newest, newest, ...told);
    let changed = false;
    for (const [at, cause] of entries) {
      if (cause === null) changed = this.takeBack(at) || changed;
      else if (this.causes.get(at) !== cause) {
        this.causes.set(at, cause);
        changed = true;
      }
    }
    if (changed) this.trim();
    return changed;
  }

  /** Instants from `from` to `to` with a cause, oldest first. */
  within(from: number, to: number): number[] {
    return [...this.causes.keys()].filter((at) => at >= from && at <= to).sort((a, b) => a - b);
  }

  nearest(at: number, from: number, to: number): string | undefined {
    const found = this.within(from, to).sort((a, b) => Math.abs(a - at) - Math.abs(b - at))[0];
    return found === undefined ? undefined : this.causes.get(found);
  }

  /** A point came after all; but what only left the server's window stays known here. */
  private takeBack(at: number): boolean {
    return at > this.newest - WINDOW_S + 1 && this.causes.delete(at);
  }

  private trim(): void {
    const old = [...this.causes.keys()].sort((a, b) => a - b).slice(0, Math.max(0, this.causes.size - this.capacity));
    for (const at of old) this.causes.delete(at);
  }
}

/** The gap that an instant lies in, of those drawn. */
export function gapAt(
  at: number,
  gaps: readonly (readonly [number, number])[],
  causes: Causes | undefined,
): Gap | undefined {
  const found = gaps.find(([from, to]) => at > from && at < to);
  if (found === undefined) return undefined;
  const [from, to] = found;
  return { from, to, cause: causes?.nearest(at, from, to) };
}

/** "No data 12:00:58 to 12:01:10, 12 s: no program was running". */
export function gapWords({ from, to, cause }: Gap): string {
  const span = `No data ${formatClock(from)} to ${formatClock(to)}, ${formatSpan(Math.round(to - from))}`;
  return `${span}: ${cause ?? "why is not known"}`;
}

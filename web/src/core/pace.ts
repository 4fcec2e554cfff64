import type { NameFigures, Names } from "./wire";
import type { NamesAt } from "./live";

/** What one action did in the last minute, against everything recorded before. */
export interface NamePace {
  readonly name: string;
  readonly calls: number;
  /** Mean duration now over mean duration before; undefined without calls before. */
  readonly ratio: number | undefined;
  /** Seconds more (or less) than those calls took before. */
  readonly excess_s: number;
  /** Part of all self time in the window, 0 to 1. */
  readonly selfShare: number;
}

export interface Pace {
  /** Seconds that the comparison covers: 60, or less while the page is younger. */
  readonly window_s: number;
  readonly calls: number;
  readonly callsBefore: number;
  /** Time the calls took over the time that as many calls of the same names took before. */
  readonly ratio: number | undefined;
  readonly mean_s: number | undefined;
  readonly meanBefore_s: number | undefined;
  /** By self time in the window, largest first. */
  readonly names: readonly NamePace[];
}

const WINDOW_S = 60;
/** Below these a ratio would be chance. */
const CALLS_BEFORE = 20;
const CALLS = 5;

/**
 * How the last minute compares with everything before it, name by name.
 *
 * Sums since start are exact, so the difference of two of them is the window's exact sum. Each
 * name is compared with itself: another mix of fast and slow actions is not a slowdown.
 */
export function pace(seen: readonly NamesAt[]): Pace | undefined {
  const now = seen.at(-1);
  if (now === undefined) return undefined;
  const start = [...seen].reverse().find((entry) => entry.at <= now.at - WINDOW_S) ?? seen[0];
  if (start === undefined || start === now) return undefined;
  const rows = changes(start.names, now.names);
  const selfAll = sum(rows.map((row) => row.self_s));
  const known = rows.filter((row) => row.meanBefore_s !== undefined);
  const expected = sum(known.map((row) => row.calls * (row.meanBefore_s ?? 0)));
  const calls = sum(known.map((row) => row.calls));
  const callsBefore = sum(Object.values(start.names).map((figures) => figures.count ?? 0));
  const enough = calls >= CALLS && callsBefore >= CALLS_BEFORE && expected > 0;
  const taken = sum(known.map((row) => row.total_s));
  return {
    window_s: now.at - start.at,
    calls: sum(rows.map((row) => row.calls)),
    callsBefore,
    ratio: enough ? taken / expected : undefined,
    mean_s: calls ? taken / calls : undefined,
    meanBefore_s: calls ? expected / calls : undefined,
    names: rows
      .map((row) => asPace(row, selfAll))
      .sort((a, b) => b.selfShare - a.selfShare || b.calls - a.calls),
  };
}

interface Change {
  readonly name: string;
  readonly calls: number;
  readonly total_s: number;
  readonly self_s: number;
  readonly meanBefore_s: number | undefined;
}

function changes(before: Names, after: Names): Change[] {
  return Object.entries(after).flatMap(([name, figures]) => {
    const old: NameFigures = before[name] ?? {};
    const calls = (figures.count ?? 0) - (old.count ?? 0);
    const total_s = (figures.total_s ?? 0) - (old.total_s ?? 0);
    // Fewer than before: an old source was forgotten meanwhile, and there is no telling.
    if (calls <= 0 || total_s < 0) return [];
    const self_s = Math.max(0, (figures.self_s ?? 0) - (old.self_s ?? 0));
    const meanBefore_s = old.count ? (old.total_s ?? 0) / old.count : undefined;
    return [{ name, calls, total_s, self_s, meanBefore_s }];
  });
}

function asPace(row: Change, selfAll: number): NamePace {
  const before = row.meanBefore_s;
  return {
    name: row.name,
    calls: row.calls,
    ratio: before ? row.total_s / row.calls / before : undefined,
    excess_s: before === undefined ? 0 : row.total_s - row.calls * before,
    selfShare: selfAll > 0 ? row.self_s / selfAll : 0,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

import type { NameFigures } from "./wire";
import type { NamesAt } from "./live";

/** Which figure is compared: p95 where there are calls enough for one, else the mean. */
export type Measure = "p95" | "mean";

/** What one action did in the last minute, against itself before. */
export interface NamePace {
  readonly name: string;
  readonly calls: number;
  readonly by: Measure;
  /** The figure of the last minute and the one from before; undefined when it can't be known. */
  readonly now_s: number | undefined;
  readonly before_s: number | undefined;
  readonly ratio: number | undefined;
  /** By a quarter or more, and not by chance. */
  readonly slower: boolean;
  /** Seconds more (or less) than that many calls come to at the figure from before. */
  readonly excess_s: number;
  /** Part of all self time that this page has seen pass, 0 to 1. */
  readonly selfShare: number;
}

export interface Pace {
  readonly by: Measure;
  /** How many names the ratio speaks for. */
  readonly compared: number;
  readonly calls: number;
  readonly callsBefore: number;
  /** "Before" is everything since start, this minute included: the page hasn't seen a minute pass yet. */
  readonly sinceStart: boolean;
  /** Seconds of sums that this page has seen, 60 at most: what means and self times rest on. */
  readonly window_s: number;
  /** The figures now over those from before, each name weighed by its calls. */
  readonly ratio: number | undefined;
  readonly now_s: number | undefined;
  readonly before_s: number | undefined;
  /** By self time, largest first. */
  readonly names: readonly NamePace[];
}

/** From here on it counts as slower; below its inverse as faster. */
export const SLOWER = 1.25;

const WINDOW_S = 60;
/** Below these a ratio would be chance. */
const CALLS_P95 = 20;
const CALLS_MEAN = 5;
const CALLS_BEFORE = 20;

/**
 * How the last minute compares with what was before it, name by name.
 *
 * The server keeps each name's p95 of the last 60 s and since start, so that a page that has just
 * opened can compare at once; from a minute on it compares with the p95 that stood a minute ago,
 * in which this minute has no part. Names with fewer calls are compared by their mean: sums since
 * start are exact, so their difference is too. Each name is compared with itself: another mix of
 * fast and slow actions is not a slowdown.
 */
export function pace(seen: readonly NamesAt[]): Pace | undefined {
  const now = seen.at(-1);
  if (now === undefined) return undefined;
  const minuteAgo = seen.findLast((entry) => entry.at <= now.at - WINDOW_S);
  const start = minuteAgo ?? seen[0] ?? now;
  const sums = new Map(Object.entries(now.names).map(([name, figures]) => [name, step(start.names[name], figures)]));
  const selfAll = sum([...sums.values()].map((one) => one?.self_s ?? 0));
  const names = Object.entries(now.names).flatMap(([name, figures]) => {
    const passed = sums.get(name);
    const tail = byP95(figures, minuteAgo ? (minuteAgo.names[name] ?? {}) : undefined);
    const found = tail ?? (passed && byMean(passed, start.names[name]));
    if (found === undefined || found.calls === 0) return [];
    return [named(name, found, selfAll > 0 ? (passed?.self_s ?? 0) / selfAll : 0)];
  });
  const by: Measure = names.some((one) => one.by === "p95") ? "p95" : "mean";
  const callsBefore = sum(
    minuteAgo || by === "mean"
      ? Object.values(start.names).map((one) => one.count ?? 0)
      : Object.values(now.names).map((one) => Math.max(0, (one.count ?? 0) - (one.rate ?? 0))),
  );
  return {
    by,
    ...overall(names.filter((one) => one.by === by), callsBefore),
    calls: sum(Object.entries(now.names).map(([name, one]) => one.rate ?? sums.get(name)?.calls ?? 0)),
    callsBefore,
    sinceStart: minuteAgo === undefined,
    window_s: Math.min(WINDOW_S, now.at - start.at),
    names: names.sort((a, b) => b.selfShare - a.selfShare || b.calls - a.calls),
  };
}

interface Step {
  readonly calls: number;
  readonly total_s: number;
  readonly self_s: number;
}

/** What was added to a name's sums; undefined when an old source was forgotten meanwhile. */
function step(old: NameFigures | undefined, now: NameFigures): Step | undefined {
  const calls = (now.count ?? 0) - (old?.count ?? 0);
  const total_s = (now.total_s ?? 0) - (old?.total_s ?? 0);
  if (calls < 0 || total_s < 0) return undefined;
  return { calls, total_s, self_s: Math.max(0, (now.self_s ?? 0) - (old?.self_s ?? 0)) };
}

interface Found {
  readonly by: Measure;
  readonly calls: number;
  readonly now_s: number | undefined;
  readonly before_s: number | undefined;
}

/** By the tail; undefined without calls enough, now or before. */
function byP95(now: NameFigures, minuteAgo: NameFigures | undefined): Found | undefined {
  const calls = now.rate ?? 0;
  const callsBefore = minuteAgo ? (minuteAgo.count ?? 0) : (now.count ?? 0) - calls;
  const before_s = minuteAgo ? minuteAgo.p95 : now.p95;
  if (calls < CALLS_P95 || callsBefore < CALLS_BEFORE) return undefined;
  if (now.recent_p95 === undefined || before_s === undefined) return undefined;
  return { by: "p95", calls, now_s: now.recent_p95, before_s };
}

function byMean(passed: Step, old: NameFigures | undefined): Found {
  return {
    by: "mean",
    calls: passed.calls,
    now_s: passed.calls ? passed.total_s / passed.calls : undefined,
    before_s: old?.count ? (old.total_s ?? 0) / old.count : undefined,
  };
}

function named(name: string, found: Found, selfShare: number): NamePace {
  const { calls, now_s, before_s } = found;
  const known = now_s !== undefined && before_s !== undefined;
  const ratio = known && before_s > 0 ? now_s / before_s : undefined;
  return {
    name,
    ...found,
    ratio,
    slower: calls >= CALLS_MEAN && (ratio ?? 1) >= SLOWER,
    excess_s: known ? calls * (now_s - before_s) : 0,
    selfShare,
  };
}

/** Names of one measure together: a p95 and a mean are not added up. */
function overall(
  names: readonly NamePace[],
  callsBefore: number,
): Pick<Pace, "compared" | "ratio" | "now_s" | "before_s"> {
  const known = names.filter((one) => one.ratio !== undefined);
  const calls = sum(known.map((one) => one.calls));
  const taken = sum(known.map((one) => one.calls * (one.now_s ?? 0)));
  const expected = sum(known.map((one) => one.calls * (one.before_s ?? 0)));
  const enough = calls >= CALLS_MEAN && callsBefore >= CALLS_BEFORE && expected > 0;
  return {
    compared: known.length,
    ratio: enough ? taken / expected : undefined,
    now_s: calls ? taken / calls : undefined,
    before_s: calls ? expected / calls : undefined,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

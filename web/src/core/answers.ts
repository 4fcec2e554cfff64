import { count, formatClock, formatCompact, formatDuration, formatNumber, formatSpan, formatWhen } from "./format";
import { SLOWER, type Pace } from "./pace";
import { bySourceAge, stateWords } from "./sources";
import type { ActionsTopic, Names, Source, SourcesTopic } from "./wire";

export type Shape = "live" | "good" | "warn" | "crit" | "end" | "idle" | "kill" | "busy";

export interface Answer {
  readonly text: string;
  readonly evidence: string;
  readonly shape?: Shape;
  /** The name is code of the user, not a word of ours. */
  readonly code?: boolean;
}

export function isRunning(topic: SourcesTopic | undefined, now: number): Answer {
  const all = bySourceAge(topic);
  if (all.length === 0) return { text: "Nothing yet", evidence: "no source has been seen" };
  const live = all.filter((source) => source.state === "live");
  const killed = all.filter((source) => source.state === "killed").length;
  const failed = all.filter((source) => source.state === "failed").length;
  const rest = [killed ? `${killed} killed` : "", failed ? `${failed} failed` : ""];
  const evidence = [`${live.length} of ${all.length} live`, ...rest].filter(Boolean).join(", ");
  if (live.length) return { text: "Running", evidence, shape: "live" };
  const silent = all.find((source) => source.state === "silent");
  if (silent) {
    const quiet = formatSpan(now - (silent.last_at ?? now));
    return { text: "Silent", evidence: `${silent.service ?? silent.id}: no frame for ${quiet}`, shape: "warn" };
  }
  return stopped(all, now);
}

function stopped(all: readonly Source[], now: number): Answer {
  const endOf = (source: Source) => source.ended_at ?? source.last_at ?? 0;
  const last = [...all].sort((a, b) => endOf(b) - endOf(a))[0];
  const broke = last?.state === "killed" || last?.state === "failed";
  const what = last ? `${last.service ?? last.id} ${stateWords(last)} ${formatWhen(endOf(last), now)}` : "";
  return { text: "Not running", evidence: what, shape: broke ? "kill" : "end" };
}

/** What can be said when the server isn't heard: only how it was. */
export function notKnown(before: Answer, at: number): Answer {
  return { text: "Not known", evidence: `${before.text.toLowerCase()} at ${formatClock(at)}`, shape: "idle" };
}

export function isSlow(
  pace: Pace | undefined,
  actions: ActionsTopic | undefined,
  live: number | undefined,
  now: number,
): Answer {
  if (!actions?.total_actions) {
    return { text: "No action yet", evidence: "nothing timed so far" };
  }
  if (live === 0) {
    return { text: "Nothing runs", evidence: `last action ${formatWhen(actions.updated_at, now)}`, shape: "end" };
  }
  // The sums of two looks say at once that nothing was called; to say more by the mean takes 10 s of them.
  const young = pace === undefined || pace.window_s === 0;
  if (!young && pace.calls === 0) {
    const quiet = formatSpan(now - (actions.updated_at ?? now));
    return { text: "Nothing to do", evidence: `no action for ${quiet}`, shape: "idle" };
  }
  if (pace?.ratio === undefined || (pace.by === "mean" && pace.window_s < 10)) {
    if (young || pace.window_s < 10) return { text: "Comparing", evidence: "needs 10 s of this page", shape: "busy" };
    return { text: "Too early to tell", evidence: `${count(pace.callsBefore, "action")} before, needs 20` };
  }
  const evidence = comparison(pace);
  if (pace.ratio >= SLOWER) return { text: `${times(pace.ratio)} slower`, evidence, shape: "warn" };
  if (pace.ratio <= 1 / SLOWER) return { text: `${times(1 / pace.ratio)} faster`, evidence };
  return { text: "As usual", evidence };
}

/** One name has its figures here. Of more the figures stand where each has its own: a p95 of p95s is none. */
function comparison(pace: Pace): string {
  if (pace.by === "mean" || pace.compared === 1) {
    return `${pace.by} ${formatDuration(pace.now_s)}, ${before(pace)} ${formatDuration(pace.before_s)}`;
  }
  const slower = pace.names.filter((one) => one.by === pace.by && one.slower).length;
  return slower ? `p95: ${slower} of ${pace.compared} slower` : `by p95 of ${pace.compared} actions`;
}

function before(pace: Pace): string {
  return pace.by === "p95" && pace.sinceStart ? "since start" : "before";
}

export function where(pace: Pace | undefined, names: Names | undefined): Answer {
  const slow = (pace?.ratio ?? 1) >= SLOWER;
  const alike = slow ? (pace?.names ?? []).filter((one) => one.by === pace?.by) : [];
  const worst = [...alike].sort((a, b) => b.excess_s - a.excess_s)[0];
  if (pace && worst?.ratio !== undefined && worst.excess_s > 0) {
    const [now_s, old_s] = [formatDuration(worst.now_s), formatDuration(worst.before_s)];
    return { text: worst.name, code: true, evidence: `${worst.by} ${now_s}, ${before(pace)} ${old_s}` };
  }
  const first = pace?.names[0];
  if (pace && first && first.selfShare > 0) {
    const span = formatSpan(Math.round(pace.window_s));
    return { text: first.name, code: true, evidence: `${share100(first.selfShare)} of self time, last ${span}` };
  }
  const [name, part] = largestSelf(names);
  if (name === undefined) return { text: "Nowhere yet", evidence: "no action has used time" };
  return { text: name, code: true, evidence: `${share100(part)} of self time since start` };
}

export function sinceWhen(topic: SourcesTopic | undefined, now: number): Answer {
  const first = bySourceAge(topic).find((source) => source.state === "live" && source.started_at);
  if (first?.started_at !== undefined) {
    return { text: formatWhen(first.started_at, now), evidence: `${first.service ?? first.id}, up ${formatSpan(now - first.started_at)}` };
  }
  const ended = bySourceAge(topic).filter((source) => source.started_at !== undefined).at(-1);
  if (ended?.started_at === undefined) return { text: "Unknown", evidence: "no source has said when" };
  const end = ended.ended_at ?? ended.last_at ?? ended.started_at;
  return { text: formatWhen(ended.started_at, now), evidence: `ran ${formatSpan(end - ended.started_at)}` };
}

export function comparedWith(pace: Pace | undefined): Answer {
  if (pace === undefined || pace.callsBefore === 0 || (pace.by === "mean" && pace.window_s === 0)) {
    return { text: "Nothing yet", evidence: "no action from before the last 60 s" };
  }
  if (pace.by === "p95" && pace.sinceStart) {
    return { text: "Since start", evidence: `${formatCompact(pace.callsBefore + pace.calls)} actions up to now` };
  }
  const span = formatSpan(Math.round(pace.window_s));
  return { text: "All before", evidence: `${formatNumber(pace.callsBefore)} actions until ${span} ago` };
}

/** The name with the most self time since start, and its part of all. */
export function largestSelf(names: Names | undefined): [string | undefined, number] {
  const rows = Object.entries(names ?? {});
  const all = rows.reduce((total, [, figures]) => total + (figures.self_s ?? 0), 0);
  const first = rows.sort(([, a], [, b]) => (b.self_s ?? 0) - (a.self_s ?? 0))[0];
  return first && all > 0 ? [first[0], (first[1].self_s ?? 0) / all] : [undefined, 0];
}

export function endedSince(before: SourcesTopic | undefined, now: SourcesTopic | undefined): number {
  return Object.values(now?.sources ?? {}).filter(
    (source) => source.ended_at !== undefined && before?.sources?.[source.id]?.ended_at === undefined,
  ).length;
}

function times(ratio: number): string {
  return `${ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(1)} ×`;
}

function share100(part: number): string {
  return `${Math.round(part * 100)} %`;
}

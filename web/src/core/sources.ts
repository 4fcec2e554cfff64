import { count, formatNumber, formatSpan } from "./format";
import type { Source, SourcesTopic } from "./wire";

/** Oldest first; those that never said when they started come last. */
export function bySourceAge(topic: SourcesTopic | undefined): Source[] {
  const all = Object.values(topic?.sources ?? {});
  return all.sort((a, b) => (a.started_at ?? Infinity) - (b.started_at ?? Infinity));
}

const ALIVE: Readonly<Record<string, number>> = { live: 0, silent: 1 };

/** Those alive first, then by when they were last heard of. */
export function byInterest(topic: SourcesTopic | undefined): Source[] {
  const rank = (source: Source) => ALIVE[source.state ?? ""] ?? 2;
  const heard = (source: Source) => source.ended_at ?? source.last_at ?? 0;
  return bySourceAge(topic).sort(
    (a, b) => rank(a) - rank(b) || (rank(a) === 2 ? heard(b) - heard(a) : 0),
  );
}

/** No goodbye came: whether it was killed or left by os._exit can't be seen from outside. */
export function stateWords(source: Source): string {
  return source.state ?? "unknown";
}

/** "up 6 min 18 s", "ran 3 s". */
export function lifetime(source: Source, now: number): string {
  if (source.started_at === undefined) return "start unknown";
  const end = source.ended_at ?? (isAlive(source) ? now : source.last_at);
  const span = formatSpan((end ?? now) - source.started_at);
  return isAlive(source) ? `up ${span}` : `ran ${span}`;
}

export function isAlive(source: Source): boolean {
  return source.state === "live" || source.state === "silent";
}

export function projectsOf(sources: readonly Source[]): Map<string, Set<string>> {
  const projects = new Map<string, Set<string>>();
  for (const { project, service } of sources) {
    if (project === undefined) continue;
    const services = projects.get(project) ?? new Set();
    projects.set(project, service === undefined ? services : services.add(service));
  }
  return projects;
}

/** What a source's state says, in one sentence. */
export function stateMeaning(source: Source, now: number): string {
  switch (source.state) {
    case "live":
      return "It reports.";
    case "silent":
      return `No frame for ${formatSpan(now - (source.last_at ?? now))}, and no goodbye: it hangs, or its host is away.`;
    case "ended":
      return "It came to its end and said goodbye.";
    case "failed":
      return "It ended with an error.";
    case "terminated":
      return "It was asked to end, and did.";
    case "killed":
      return "It was gone without a goodbye; what it had recorded by then is all here.";
    default:
      return "Its state is not known.";
  }
}

/** How it ended, as far as that was seen: "SIGKILL", "exit code 1". */
export function endOf({ signal, exit_code }: Source): string | undefined {
  const parts = [signal, exit_code === undefined ? undefined : `exit code ${exit_code}`].filter(Boolean);
  return parts.length ? parts.join(", ") : undefined;
}

export const MISSING_FRAMES = "missing frames";
const LOSSES: Readonly<Record<string, (n: number) => string>> = {
  [MISSING_FRAMES]: (n) => `${count(n, "frame")} that the source numbered and nobody received`,
  "queue full": (n) => `${count(n, "record")} came faster than they could be taken`,
  "invalid value": (n) => `${count(n, "value")} not finite, or below 0 where that can't be`,
  "series limit": (n) => `${count(n, "record")} of series beyond the most that a source may have`,
  "open spans": (n) => `${count(n, "span")} begun while too many were open`,
};

/** Frames that went missing, and records that the source itself had to drop: two things, never one share. */
export function lost(source: Source): { readonly frames: number; readonly records: number } | undefined {
  if (source.lost === undefined) return undefined;
  const records = Object.entries(source.losses ?? {}).reduce((n, [reason, more]) => (reason === MISSING_FRAMES ? n : n + more), 0);
  return { frames: Math.max(0, source.lost - records), records };
}

/** Of several sources together; undefined when none has said anything. */
export function lostOf(sources: readonly Source[]): ReturnType<typeof lost> {
  const known = sources.map(lost).filter((one) => one !== undefined);
  if (known.length === 0) return undefined;
  return known.reduce((all, one) => ({ frames: all.frames + one.frames, records: all.records + one.records }));
}

/** A command as a shell would take it: what has blanks or nothing in it is quoted. */
export function quoted(argument: string): string {
  return /^[^\s'"]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}

/** Each loss in words, the largest first; a reason without words of ours stands as the source gave it. */
export function lossWords(losses: Source["losses"]): string[] {
  return Object.entries(losses ?? {})
    .filter(([, n]) => n > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, n]) => LOSSES[reason]?.(n) ?? `${formatNumber(n)}: ${reason}`);
}

/** Text of a program, as lines or in one piece; undefined when there is none, whatever was sent. */
export function programText(value: unknown): string | undefined {
  const lines: unknown[] = Array.isArray(value) ? value : [value];
  const text = lines.filter((line) => typeof line === "string").join("\n");
  return text.trim() === "" ? undefined : text;
}

import { formatSpan } from "./format";
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

import type { RecentError } from "./wire";

export interface ListedError extends RecentError {
  readonly id: string;
}

/** Errors that say the same from the same place. */
export interface ErrorGroup {
  /** Stays the same when another one joins. */
  readonly id: string;
  readonly error: string;
  /** Newest first; never empty. */
  readonly all: readonly [ListedError, ...ListedError[]];
}

/** Equal errors together, the group with the newest one first. */
export function errorGroups(errors: Readonly<Record<string, RecentError>> | undefined): ErrorGroup[] {
  const newest = Object.entries(errors ?? {})
    .map(([id, error]) => ({ ...error, id }))
    .sort((a, b) => b.at - a.at);
  const groups = new Map<string, [ListedError, ...ListedError[]]>();
  for (const error of newest) {
    const key = JSON.stringify([error.error ?? "", error.trace ?? ""]);
    const group = groups.get(key);
    if (group) group.push(error);
    else groups.set(key, [error]);
  }
  return [...groups].map(([id, all]) => ({ id, error: all[0].error ?? "failed without an exception", all }));
}

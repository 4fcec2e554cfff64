import type { NameKind } from "../core/wire";

export const LIST_PATHS: Readonly<Record<NameKind, string>> = { action: "/actions", event: "/events" };

/** The page of one name. Names are people's own: whatever is in them stays in one step of the path. */
export function namePath(kind: NameKind, name: string): string {
  return `${LIST_PATHS[kind]}/${encodeURIComponent(name)}`;
}

/** The name in such a path; undefined when there is none, or none that can be read. */
export function nameIn(pathname: string): string | undefined {
  const step = pathname.split("/").slice(2).join("/");
  try {
    return decodeURIComponent(step) || undefined;
  } catch {
    return undefined;
  }
}

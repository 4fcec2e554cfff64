const KEPT = ["project", "from", "to"];

/** The part of the address that goes along to another page: project and stretch, no page's own filter. */
export function carried(search: string | URLSearchParams): string {
  const old = new URLSearchParams(search);
  const next = new URLSearchParams();
  for (const key of KEPT) {
    const value = old.get(key);
    if (value !== null) next.set(key, value);
  }
  return next.toString();
}

import type { NameFigures, NameKind, NameRow, Names } from "./wire";

/** What a list of names can be sorted by: the name, or a figure of a row. */
export const NAME_SORTS = [
  "name",
  "count",
  "rate",
  "p50",
  "p95",
  "p99",
  "max",
  "recent_p95",
  "errors",
  "self_s",
] as const;
export type NameSort = (typeof NAME_SORTS)[number];

export interface NameQuery {
  readonly kind: NameKind;
  readonly search: string;
  /** "" is every service. */
  readonly service: string;
  readonly sort: NameSort;
  readonly down: boolean;
}

/** Where the time goes comes first. */
export const FIRST_SORT: NameSort = "self_s";

/** A list's address as a question: `q`, `service`, `sort`, `dir`. */
export function nameQuery(kind: NameKind, params: URLSearchParams): NameQuery {
  const sort = NAME_SORTS.find((known) => known === params.get("sort")) ?? FIRST_SORT;
  const dir = params.get("dir");
  return {
    kind,
    search: params.get("q") ?? "",
    service: params.get("service") ?? "",
    sort,
    down: dir === null ? sort !== "name" : dir !== "up",
  };
}

/** The parts of the address that sorting by a column changes: again the same one turns it round. */
export function sortedBy(query: NameQuery, sort: NameSort): { sort: string | null; dir: string | null } {
  const first = sort !== "name";
  const down = sort === query.sort ? !query.down : first;
  return { sort: sort === FIRST_SORT ? null : sort, dir: down === first ? null : down ? "down" : "up" };
}

/** The same question for `GET /api/names`. */
export function namesParams(query: NameQuery, offset: number, limit: number): URLSearchParams {
  const params = new URLSearchParams({
    kind: query.kind,
    sort: query.sort,
    order: query.down ? "desc" : "asc",
    offset: String(offset),
    limit: String(limit),
  });
  if (query.search) params.set("search", query.search);
  if (query.service) params.set("service", query.service);
  return params;
}

/** Answered from a topic's `names`, as the server would: a row without the figure comes last. */
export function namesFound(names: Names | undefined, query: NameQuery): NameRow[] {
  const needle = query.search.toLowerCase();
  const rows = Object.entries(names ?? {})
    .filter(([name]) => name.toLowerCase().includes(needle))
    .filter(([, figures]) => !query.service || figures.services?.includes(query.service))
    .map(([name, figures]) => ({ name, ...figures }));
  return rows.sort((a, b) => order(a, b, query));
}

function order(a: NameRow, b: NameRow, { sort, down }: NameQuery): number {
  const sign = down ? -1 : 1;
  if (sort === "name") return sign * compareNames(a.name, b.name);
  const [x, y]: [NameFigures[typeof sort], NameFigures[typeof sort]] = [a[sort], b[sort]];
  if (x === undefined || y === undefined) return x === y ? compareNames(a.name, b.name) : x === undefined ? 1 : -1;
  return sign * (x - y) || compareNames(a.name, b.name);
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

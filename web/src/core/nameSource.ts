import type { LoadNames } from "./nameList";
import { namesFound, namesParams } from "./nameQuery";
import type { NameRow, Names } from "./wire";

export interface NameServer {
  request(path: string, query: URLSearchParams, init?: RequestInit): Promise<Response>;
  /** What the topic of a kind says, for servers without the route. */
  topicNames(kind: "action" | "event"): { readonly names: Names | undefined; readonly total: number | undefined };
}

/** Pages of names from `GET /api/names`; from the topic where the server has no such route. */
export function namesFrom(server: NameServer): LoadNames {
  let missing = false;
  return async (query, offset, limit, signal) => {
    if (!missing) {
      const response = await server.request("/api/names", namesParams(query, offset, limit), { signal });
      if (response.ok) return checked(await response.json());
      if (response.status !== 404) throw new Error(`/api/names: ${response.status}`);
      missing = true;
    }
    const { names, total } = server.topicNames(query.kind);
    const found = namesFound(names, query);
    return {
      items: found.slice(offset, offset + limit),
      matching: found.length,
      total: total ?? Object.keys(names ?? {}).length,
      self_s: Object.values(names ?? {}).reduce((sum, { self_s }) => sum + (self_s ?? 0), 0),
    };
  };
}

function checked(body: unknown): { items: readonly NameRow[]; matching: number; total: number; self_s?: number } {
  const { items, matching, total, self_s } = (body ?? {}) as Record<string, unknown>;
  if (!Array.isArray(items)) throw new Error("/api/names: no items");
  return {
    items: items as NameRow[],
    matching: typeof matching === "number" ? matching : items.length,
    total: typeof total === "number" ? total : items.length,
    ...(typeof self_s === "number" ? { self_s } : {}),
  };
}

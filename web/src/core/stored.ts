import type { Causes } from "./gaps";
import { isObject } from "./json";
import { PointRing } from "./ring";

const COLUMNS = ["count", "errors", "p50_s", "p95_s", "p99_s", "mean_s"] as const;
const FIELDS: Readonly<Record<(typeof COLUMNS)[number], string>> = {
  count: "count",
  errors: "errors",
  p50_s: "p50",
  p95_s: "p95",
  p99_s: "p99",
  mean_s: "mean",
};

/** One timer over stored time, in equal steps, as `GET /api/metrics/history` answers it. */
export class StoredSeries implements Causes {
  readonly ring: PointRing;
  readonly step_s: number;
  readonly from: number;
  readonly to: number;
  /** Nothing older is kept. */
  readonly storedFrom: number | undefined;

  /** Throws when the answer isn't one. */
  constructor(body: unknown) {
    if (!isObject(body) || !Array.isArray(body.items)) throw new Error("the history has no items");
    const items = (body.items as unknown[]).filter(isObject).filter(({ at }) => typeof at === "number");
    this.step_s = numberOr(body.step_s, 60);
    this.from = numberOr(body.from, 0);
    this.to = numberOr(body.to, Number(items.at(-1)?.at ?? 0));
    this.storedFrom = typeof body.stored_from === "number" ? body.stored_from : undefined;
    this.ring = new PointRing(COLUMNS, Math.max(1, items.length));
    for (const item of items) {
      const row = COLUMNS.map((column) => item[FIELDS[column]]);
      this.ring.append(Number(item.at), row.map((value) => (typeof value === "number" ? value : null)));
    }
  }

  /** Stretches within `from` and `to` of which nothing is stored. */
  gaps(from: number, to: number): [number, number][] {
    const { times } = this.ring.window(from, to, Infinity);
    const found: [number, number][] = [];
    let known = Math.max(from, this.from);
    if (this.storedFrom !== undefined && this.storedFrom > from) {
      found.push([from, this.storedFrom]);
      known = Math.max(known, this.storedFrom);
    }
    for (const at of times) {
      // A point stands for its whole step.
      if (at - known > 0.75 * this.step_s) found.push([known, at]);
      known = Math.max(known, at + this.step_s);
    }
    const end = Math.min(to, this.to);
    if (end - known > 0.75 * this.step_s) found.push([known, end]);
    return found;
  }

  nearest(_at: number, _from: number, to: number): string {
    return this.storedFrom !== undefined && to <= this.storedFrom ? "nothing older is stored" : "nothing was recorded";
  }
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === "number" && Number.isFinite(value) ? value : otherwise;
}

import { useEffect, useState } from "react";
import { StoredSeries } from "../core/stored";
import type { NameKind } from "../core/wire";
import { useLive, usePaused } from "./live";
import { SPAN_S, type Range } from "./range";

export interface Stored {
  readonly series: StoredSeries | undefined;
  /** Why there is none, in a sentence. */
  readonly error: string | undefined;
}

const POINTS = 180;
const LEAST_MS = 5000;

/** The stretch of stored time in view: so long before now, or what somebody has zoomed to. */
export function storedView(now: number, span_s: number, range: Range): readonly [number, number] {
  if (range.kind === "live") return [now - span_s, now];
  // A pause takes a minute, which is no stretch to look at here; a zoom takes what it wants.
  return range.to - range.from > 2 * SPAN_S ? [range.from, range.to] : [range.to - span_s, range.to];
}

/** One name over stored time, asked anew with every step; `span_s` 0 asks nothing. */
export function useStored(kind: NameKind, name: string, span_s: number): Stored {
  const live = useLive();
  const { range } = usePaused();
  const [stored, setStored] = useState<Stored & { readonly key: string }>({ key: "", series: undefined, error: undefined });
  const key = `${kind} ${span_s} ${name}`;
  useEffect(() => {
    if (span_s === 0) return undefined;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const load = async () => {
      const [from, to] = storedView(live.clock.now(), span_s, range);
      const query = new URLSearchParams({
        name,
        span: kind,
        from: from.toFixed(3),
        to: to.toFixed(3),
        points: String(POINTS),
      });
      const next = await ask(live.request("/api/metrics/history", query, { signal: stop.signal }));
      if (stop.signal.aborted) return;
      // What was known stays, when only this try has failed.
      setStored((old) => ({ key, ...(next.series || old.key !== key ? next : { series: old.series, error: next.error }) }));
      const again = Math.max(LEAST_MS, ((next.series?.step_s ?? 30) * 1000) / 2);
      if (range.kind === "live") timer = setTimeout(() => void load(), again);
    };
    void load();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [live, range, kind, name, span_s, key]);
  return stored.key === key ? stored : { series: undefined, error: undefined };
}

async function ask(request: Promise<Response>): Promise<Stored> {
  try {
    const response = await request;
    if (response.ok) return { series: new StoredSeries(await response.json()), error: undefined };
    const body = (await response.json().catch(() => ({}))) as { error?: string };
    return { series: undefined, error: body.error ?? `The server answered ${response.status}` };
  } catch {
    return { series: undefined, error: "The server does not answer; this page asks again" };
  }
}

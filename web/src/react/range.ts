import { useCallback, useMemo } from "react";
import { useSearchParams } from "react-router";

export const SPAN_S = 60;

/** What the charts show: the last 60 s as they move, or a stretch that stands still. */
export type Range =
  | { readonly kind: "live"; readonly span: number }
  | { readonly kind: "fixed"; readonly from: number; readonly to: number };

const LIVE: Range = { kind: "live", span: SPAN_S };

/** The stretch in view, kept in the address: `?from=&to=` in seconds since the epoch. */
export function useRange(): {
  range: Range;
  fix: (from: number, to: number) => void;
  goLive: () => void;
} {
  const [params, setParams] = useSearchParams();
  const from = Number(params.get("from") ?? NaN);
  const to = Number(params.get("to") ?? NaN);
  const range = useMemo<Range>(
    () => (Number.isFinite(from) && Number.isFinite(to) && to > from ? { kind: "fixed", from, to } : LIVE),
    [from, to],
  );
  const fix = useCallback(
    (start: number, end: number) =>
      setParams(
        (old) => {
          const next = new URLSearchParams(old);
          next.set("from", start.toFixed(1));
          next.set("to", end.toFixed(1));
          return next;
        },
        { replace: true },
      ),
    [setParams],
  );
  const goLive = useCallback(
    () =>
      setParams(
        (old) => {
          const next = new URLSearchParams(old);
          next.delete("from");
          next.delete("to");
          return next;
        },
        { replace: true },
      ),
    [setParams],
  );
  return { range, fix, goLive };
}

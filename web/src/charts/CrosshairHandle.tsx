import { useEffect, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { formatClock } from "../core/format";

interface Props {
  /** Where the crosshair is, in server seconds; null without one of the keyboard's. */
  at: number | null;
  view: () => readonly [number, number];
  /** Seconds between two points. */
  step: number;
  /** What the charts say at the crosshair. */
  said: () => string;
  onMove: (at: number | null) => void;
  children: ReactNode;
}

const FAR = 10;

/** Moves the charts' crosshair by keys, and says what stands there. */
export function CrosshairHandle({ at, view, step, said, onMove, children }: Props) {
  const handle = useRef<HTMLDivElement>(null);
  const [from, setFrom] = useState(0);
  useEffect(() => {
    const words = at === null ? "none; arrow keys place it" : `${formatClock(at)}: ${said()}`;
    handle.current?.setAttribute("aria-valuetext", words);
    // Said once for each place: figures that move would never stop talking.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [at]);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape" && at !== null) {
      event.preventDefault();
      onMove(null);
      return;
    }
    const [start, end] = view();
    const now = at ?? end + step;
    const to = {
      ArrowLeft: now - step,
      ArrowRight: now + step,
      PageUp: now + FAR * step,
      PageDown: now - FAR * step,
      Home: start,
      End: end,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    setFrom(start);
    onMove(Math.min(end, Math.max(start, to)));
  };
  return (
    <div
      ref={handle}
      className="stack-at"
      role="slider"
      tabIndex={0}
      data-testid="crosshair"
      aria-label="Crosshair of the charts"
      aria-valuemin={0}
      aria-valuemax={Math.max(60, Math.round((at ?? from) - from))}
      aria-valuenow={at === null ? 0 : Math.round(at - from)}
      onKeyDown={onKeyDown}
      onBlur={() => onMove(null)}
    >
      {children}
      {at === null && <span className="stack-keys">← → move the crosshair</span>}
    </div>
  );
}

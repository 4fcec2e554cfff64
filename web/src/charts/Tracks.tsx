import { useCallback, useEffect, useRef, useState, type RefObject } from "react";
import { formatClock, NONE } from "../core/format";
import type { Live } from "../core/live";
import { useLive, usePaused } from "../react/live";
import { useRange, type Range } from "../react/range";
import { useUi } from "../react/ui";
import { CrosshairHandle } from "./CrosshairHandle";
import { calmMotion, eachFrame, watchVisible } from "./frames";
import { TrackPlot } from "./TrackPlot";
import type { TrackSpec } from "./trackSpecs";
import { viewWindow } from "./viewWindow";

/** The stretch to draw at this moment, in server seconds; must not change between renders. */
export type View = (live: Live, range: Range) => readonly [number, number];

interface StackProps {
  specs: readonly TrackSpec[];
  /** Another stretch than the one that the page shows. */
  view?: View;
}

/** The charts, stacked on one time axis, so that the crosshair is one line. */
export function Tracks({ specs, view = viewWindow }: StackProps) {
  const live = useLive();
  const { range } = usePaused();
  const theme = useUi((ui) => ui.theme);
  const at = useRef<HTMLSpanElement>(null);
  const stack = useRef<HTMLDivElement>(null);
  const note = useRef<HTMLParagraphElement>(null);
  const plots = useRef(new Set<TrackPlot>());
  const [crosshair, setCrosshair] = useState<number | null>(null);
  const point = useCallback((to: number | null) => {
    setCrosshair(to);
    for (const plot of plots.current) plot.pin(to);
  }, []);
  const letGo = useCallback(() => {
    setCrosshair(null);
    for (const plot of plots.current) plot.unpin();
  }, []);
  return (
    <div className="stack" ref={stack}>
      {specs.map((spec, i) => (
        <Track
          key={`${spec.id} ${theme} ${i === specs.length - 1}`}
          spec={spec}
          first={i === 0}
          last={i === specs.length - 1}
          rightAxis={specs.some(({ right }) => right)}
          view={view}
          at={at}
          note={note}
          plots={plots}
          onPointer={letGo}
        />
      ))}
      <p className="gap-note" data-testid="gap-note" ref={note} hidden />
      <CrosshairHandle
        at={crosshair}
        view={() => view(live, range)}
        step={specs[0]?.step?.(live) ?? live.interval}
        said={() => said(stack.current)}
        onMove={point}
      >
        <span ref={at} />
      </CrosshairHandle>
    </div>
  );
}

/** What the readouts say, in one line. */
function said(stack: HTMLElement | null): string {
  const note = stack?.querySelector<HTMLElement>(".gap-note");
  if (note && !note.hidden) return note.textContent;
  return [...(stack?.querySelectorAll(".readout p") ?? [])].map((line) => line.textContent).join(", ");
}

interface TrackProps {
  spec: TrackSpec;
  first: boolean;
  last: boolean;
  rightAxis: boolean;
  view: View;
  at: RefObject<HTMLSpanElement | null>;
  note: RefObject<HTMLParagraphElement | null>;
  plots: RefObject<Set<TrackPlot>>;
  onPointer: () => void;
}

function Track({ spec, first, last, rightAxis, view, at, note, plots, onPointer }: TrackProps) {
  const live = useLive();
  const { range } = usePaused();
  const { fix, goLive } = useRange();
  const host = useRef<HTMLDivElement>(null);
  const figures = useRef<(HTMLElement | null)[]>([]);
  const shown = useRef({ range, fix, goLive });
  useEffect(() => {
    shown.current = { range, fix, goLive };
  });

  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const all = plots.current;
    const plot = new TrackPlot(
      element,
      spec,
      live,
      {
        onRead: (values, time) => {
          values.forEach((value, i) => {
            const cell = figures.current[i];
            const series = spec.series[i];
            if (!cell || !series) return;
            const text = value === null ? NONE : series.format(value);
            if (cell.textContent !== text) cell.textContent = text;
            cell.classList.toggle("dim", value === null);
          });
          if (last && at.current) at.current.textContent = time === null ? "" : `at ${formatClock(time)}`;
        },
        onMissing: (words, x) => {
          if (first && note.current) placeNote(note.current, words, element.offsetLeft + x);
        },
        onPointer,
        onZoom: (from, to) => shown.current.fix(from, to),
        onLive: () => shown.current.goLive(),
      },
      { first, last, rightAxis },
    );
    all.add(plot);
    let visible = true;
    const calm = calmMotion();
    let calmAt = -Infinity;
    const unwatch = watchVisible(element, (now) => {
      visible = now;
    });
    const sizes = new ResizeObserver(() => plot.resize(element.clientWidth, element.clientHeight));
    sizes.observe(element);
    const unframe = eachFrame(() => {
      if (!visible) return;
      // Who asked for calm gets steps, one with each point.
      if (calm && shown.current.range.kind === "live") {
        const newest = live.points.system.newest ?? 0;
        if (newest === calmAt) return;
        calmAt = newest;
      }
      plot.show(...view(live, shown.current.range));
    });
    return () => {
      unframe();
      unwatch();
      sizes.disconnect();
      all.delete(plot);
      plot.destroy();
    };
  }, [live, spec, first, last, rightAxis, view, at, note, plots, onPointer]);

  return (
    <div className={last ? "track track-last" : "track"}>
      <div className="readout">
        <h3>{spec.title}</h3>
        {spec.series.map((series, i) => (
          <p key={series.key}>
            <i className={`key key-${series.dashed ? "dashed" : series.kind === "line" ? "line" : "area"} ink-${series.color}`} />
            {series.name}{" "}
            <b
              ref={(cell) => {
                figures.current[i] = cell;
              }}
            >
              {NONE}
            </b>
          </p>
        ))}
      </div>
      <div
        className="plot"
        ref={host}
        role="img"
        aria-label={`${spec.title}, chart of the stretch in view`}
        data-testid={`track-${spec.id}`}
        data-points="0"
      />
    </div>
  );
}

/** Beside the crosshair, on the side where there is room. */
function placeNote(note: HTMLElement, words: string | undefined, x: number): void {
  note.hidden = words === undefined;
  if (words === undefined) return;
  if (note.textContent !== words) note.textContent = words;
  const room = (note.offsetParent as HTMLElement | null)?.clientWidth ?? 0;
  const right = x + 8 + note.offsetWidth <= room;
  note.style.left = `${Math.max(0, right ? x + 8 : x - 8 - note.offsetWidth)}px`;
}

import { useEffect, useRef } from "react";
import { formatClock, NONE } from "../core/format";
import { useLive, usePaused } from "../react/live";
import { useRange } from "../react/range";
import { useUi } from "../react/ui";
import { calmMotion, eachFrame, watchVisible } from "./frames";
import { TrackPlot } from "./TrackPlot";
import type { TrackSpec } from "./trackSpecs";
import { viewWindow } from "./viewWindow";

/** The charts, stacked on one time axis, so that the crosshair is one line. */
export function Tracks({ specs }: { specs: readonly TrackSpec[] }) {
  const theme = useUi((ui) => ui.theme);
  const at = useRef<HTMLSpanElement>(null);
  return (
    <div className="stack">
      {specs.map((spec, i) => (
        <Track key={`${spec.id} ${theme}`} spec={spec} last={i === specs.length - 1} at={at} />
      ))}
      <p className="stack-at" aria-hidden="true">
        <span ref={at} />
      </p>
    </div>
  );
}

interface TrackProps {
  spec: TrackSpec;
  last: boolean;
  at: React.RefObject<HTMLSpanElement | null>;
}

function Track({ spec, last, at }: TrackProps) {
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
        onZoom: (from, to) => shown.current.fix(from, to),
        onLive: () => shown.current.goLive(),
      },
      last,
    );
    let visible = true;
    const calm = calmMotion();
    let calmVersion = -1;
    const unwatch = watchVisible(element, (now) => {
      visible = now;
    });
    const sizes = new ResizeObserver(() => plot.resize(element.clientWidth, element.clientHeight));
    sizes.observe(element);
    const unframe = eachFrame(() => {
      if (!visible) return;
      // Who asked for calm gets steps, one with each point.
      if (calm && shown.current.range.kind === "live") {
        const version = live.points.system.version;
        if (version === calmVersion) return;
        calmVersion = version;
      }
      plot.show(...viewWindow(live, shown.current.range));
    });
    return () => {
      unframe();
      unwatch();
      sizes.disconnect();
      plot.destroy();
    };
  }, [live, spec, last, at]);

  return (
    <div className={last ? "track track-last" : "track"}>
      <div className="readout">
        <h3>{spec.title}</h3>
        {spec.series.map((series, i) => (
          <p key={series.key}>
            <i className={`key key-${series.kind === "line" ? "line" : "area"} ink-${series.color}`} />
            {series.name}
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

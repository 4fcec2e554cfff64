import { useEffect, useRef } from "react";
import { formatClock, formatSpan } from "../core/format";
import type { Live } from "../core/live";
import { byInterest } from "../core/sources";
import type { Source, SourcesTopic } from "../core/wire";
import { useLive, usePaused, useTopic } from "../react/live";
import { SPAN_S, useRange, type Range } from "../react/range";
import { useUi } from "../react/ui";
import { eachFrame } from "./frames";
import { crisp, hatch, ink, label, line, sheet, type Sheet } from "./paint";
import { viewWindow } from "./viewWindow";

/** How much of the past the tape shows. */
const TAPE_S = 600;
const REDRAW_MS = 250;
const EDGE = 6;
const LANES = 3;

/**
 * The recorder's tape: lifetimes of sources, errors, gaps, and the window in view as a bracket.
 *
 * Lifetimes come from the sources; errors and gaps reach back as far as this page has points.
 */
export function Tape() {
  const live = useLive();
  const { range } = usePaused();
  const { fix, goLive } = useRange();
  const sources = useTopic("sources");
  const theme = useUi((ui) => ui.theme);
  const canvas = useRef<HTMLCanvasElement>(null);
  const empty = !sources?.total;

  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    let drawnAt = -Infinity;
    return eachFrame((now) => {
      if (now - drawnAt < REDRAW_MS) return;
      const page = sheet(element);
      if (page === null) return;
      drawnAt = now;
      draw(page, live, range, sources);
    });
  }, [live, range, sources, theme]);

  const shift = (seconds: number) => {
    const [, end] = viewWindow(live, range);
    const to = Math.min(end + seconds, live.clock.now());
    if (to >= live.clock.now() - live.interval) goLive();
    else fix(to - SPAN_S, to);
  };
  const place = (event: React.PointerEvent<HTMLDivElement>) => {
    const element = canvas.current;
    if (element === null || empty) return;
    const box = element.getBoundingClientRect();
    const now = live.clock.now();
    const part = (event.clientX - box.left) / (box.width - EDGE);
    const at = now - TAPE_S + part * TAPE_S;
    if (at + SPAN_S / 2 >= now) goLive();
    else fix(at - SPAN_S / 2, at + SPAN_S / 2);
  };

  return (
    <div
      className={empty ? "tape" : "tape tape-scrub"}
      data-testid="tape"
      role="slider"
      tabIndex={empty ? -1 : 0}
      aria-label="Tape of the last 10 minutes: moves the window in view"
      aria-disabled={empty}
      aria-valuemin={-TAPE_S}
      aria-valuemax={0}
      aria-valuenow={range.kind === "live" ? 0 : Math.round(range.to - live.clock.now())}
      aria-valuetext={
        empty
          ? "nothing recorded yet"
          : range.kind === "live"
            ? "the last 60 s"
            : `${formatClock(range.from)} to ${formatClock(range.to)}, ${formatSpan(range.to - range.from)}`
      }
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        place(event);
      }}
      onPointerMove={(event) => {
        if (event.buttons === 1) place(event);
      }}
      onKeyDown={(event) => {
        const step = { ArrowLeft: -5, ArrowRight: 5, PageUp: 60, PageDown: -60 }[event.key];
        if (empty || (step === undefined && event.key !== "End")) return;
        event.preventDefault();
        if (step === undefined) goLive();
        else shift(step);
      }}
    >
      <canvas ref={canvas} aria-hidden="true" />
    </div>
  );
}

function draw({ g, width, height }: Sheet, live: Live, range: Range, sources: SourcesTopic | undefined) {
  const to = live.clock.now();
  const from = to - TAPE_S;
  const x = (at: number) => ((at - from) / TAPE_S) * (width - EDGE);
  const base = height - 17.5;
  const [start, end] = viewWindow(live, range);
  if (sources?.total) {
    g.fillStyle = ink("raised");
    g.fillRect(x(start), 0, x(end) - x(start), base);
  }
  drawRuler(g, x, from, to, base, width, height);
  if (!sources?.total) {
    label(g, "Nothing recorded yet", 0, base - 10);
    return;
  }
  drawLives(g, x, sources, to, width);
  drawGaps(g, x, live, from, to, base);
  drawErrors(g, x, live, from, to, base);
  drawBracket(g, crisp(Math.max(0, x(start))), crisp(x(end)), base);
}

type Place = (at: number) => number;
type G = CanvasRenderingContext2D;

function drawRuler(g: G, x: Place, from: number, to: number, base: number, width: number, height: number) {
  const small = width < 700;
  const named = width < 500 ? 180 : small ? 120 : 60;
  for (let at = Math.ceil(from / 10) * 10; at <= to; at += 10) {
    if (small && at % 30) continue;
    const px = crisp(x(at));
    line(g, [px, base, px, base + (at % 60 ? 2.5 : 6)], ink("line-2"));
    if (at % named === 0 && px > 16 && px < width - 22) {
      label(g, formatClock(at, false), px, height - 2, "center");
    }
  }
  line(g, [0, base, width, base], ink("line-2"));
}

/** The sources that lived in this stretch, each in a lane while it lived. */
function drawLives(g: G, x: Place, topic: SourcesTopic, now: number, width: number) {
  const free: number[] = [];
  const alive = byInterest(topic).sort((a, b) => (a.started_at ?? 0) - (b.started_at ?? 0));
  for (const source of alive) {
    const [start, end] = lifeOf(source, now);
    if (x(end) < 0 || x(start) > width) continue;
    let lane = free.findIndex((until) => until <= start);
    if (lane < 0) lane = free.length;
    free[lane] = end;
    // More at once than there are lanes: they share the last one.
    const y = 5 + Math.min(lane, LANES - 1) * 7;
    const x0 = Math.max(0, x(start));
    const broken = source.state === "killed" || source.state === "failed";
    g.fillStyle = ink(source.ended_at === undefined ? "text-3" : "fill-2");
    g.fillRect(x0, y, Math.max(2, x(end) - x0), 4);
    if (broken) {
      g.fillStyle = ink("crit");
      g.fillRect(x(end) - 2, y - 2, 2, 8);
    }
  }
}

function lifeOf(source: Source, now: number): [number, number] {
  const end = source.ended_at ?? (source.state === "live" ? now : (source.last_at ?? now));
  return [source.started_at ?? end, end];
}

function drawGaps(g: G, x: Place, live: Live, from: number, to: number, base: number) {
  const { gaps, times } = live.points.system.window(from, to, live.interval);
  const newest = times.at(-1);
  const late = newest !== undefined && to - newest > 4 * live.interval;
  const all = late ? [...gaps, [newest, to] as const] : gaps;
  for (const [start, end] of all) {
    const x0 = Math.max(0, x(start));
    const w = Math.max(5, x(end) - x0);
    g.fillStyle = ink("bg");
    g.fillRect(x0, 1, w, base - 1);
    hatch(g, [x0, 1, w, base - 1], ink("fill-2"), 4);
  }
}

function drawErrors(g: G, x: Place, live: Live, from: number, to: number, base: number) {
  g.fillStyle = ink("crit");
  for (const ring of [live.points.actions, live.points.events]) {
    const { times, columns } = ring.window(from, to, live.interval);
    const errors = columns[ring.names.indexOf("errors")] ?? [];
    times.forEach((at, i) => {
      if ((errors[i] ?? 0) > 0) g.fillRect(Math.round(x(at)) - 1, base - 7, 2, 7);
    });
  }
}

function drawBracket(g: G, a: number, b: number, base: number) {
  g.strokeStyle = ink("text");
  g.beginPath();
  g.moveTo(a + 4, 0.5);
  g.lineTo(a, 0.5);
  g.lineTo(a, base);
  g.lineTo(a + 4, base);
  g.moveTo(b - 4, 0.5);
  g.lineTo(b, 0.5);
  g.lineTo(b, base);
  g.lineTo(b - 4, base);
  g.stroke();
}

import { useEffect, useRef } from "react";
import type { Live } from "../core/live";
import { useLive, usePaused } from "../react/live";
import { useUi } from "../react/ui";
import { eachFrame, watchVisible } from "./frames";
import { crisp, hatch, ink, line, sheet, trace, type Sheet } from "./paint";
import { viewWindow } from "./viewWindow";

export interface SparkData {
  readonly times: readonly number[];
  readonly values: readonly (number | null)[];
  readonly gaps: readonly (readonly [number, number])[];
}

interface Props {
  /** Points of the stretch; must not change between renders, or the canvas starts anew. */
  read: (live: Live, from: number, to: number) => SparkData;
  /** Scale from this, */
  low?: number;
  /** to at least this. */
  high: number;
  limits?: readonly (readonly [number, string])[];
  bars?: boolean;
}

const REDRAW_MS = 500;

/** A small picture of one figure over the stretch in view; its value stands above it in words. */
export function Sparkline({ read, low = 0, high, limits, bars = false }: Props) {
  const live = useLive();
  const { range } = usePaused();
  const theme = useUi((ui) => ui.theme);
  const canvas = useRef<HTMLCanvasElement>(null);

  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    let visible = true;
    let drawnAt = -Infinity;
    const unwatch = watchVisible(element, (now) => {
      visible = now;
    });
    const undo = eachFrame((now) => {
      if (!visible || now - drawnAt < REDRAW_MS) return;
      const page = sheet(element);
      if (page === null) return;
      drawnAt = now;
      const [from, to] = viewWindow(live, range);
      draw(page, read(live, from, to), { from, to, low, high, limits, bars, late: 3 * live.interval });
    });
    return () => {
      undo();
      unwatch();
    };
  }, [live, range, read, low, high, limits, bars, theme]);

  return <canvas className="spark" ref={canvas} aria-hidden="true" />;
}

interface Scale {
  from: number;
  to: number;
  low: number;
  high: number;
  limits: readonly (readonly [number, string])[] | undefined;
  bars: boolean;
  late: number;
}

function draw({ g, width, height }: Sheet, data: SparkData, scale: Scale): void {
  const measured = data.values.filter((v): v is number => v !== null);
  const right = width - 4;
  if (measured.length === 0) {
    line(g, [0, crisp(height / 2), width, crisp(height / 2)], ink("line-2"), [2, 4]);
    return;
  }
  const high = Math.max(scale.high, ...measured.map((v) => v * 1.05));
  const low = Math.min(scale.low, ...measured);
  const x = (at: number) => ((at - scale.from) / (scale.to - scale.from)) * right;
  const y = (v: number) => height - 2 - ((v - low) / (high - low || 1)) * (height - 5);
  for (const [value, color] of scale.limits ?? []) {
    line(g, [6, crisp(y(value)), width, crisp(y(value))], ink("line-2"), [1, 3]);
    g.fillStyle = ink(color);
    g.fillRect(0, Math.round(y(value)), 5, 1);
  }
  const newest = data.times.at(-1) ?? scale.to;
  const tail = scale.to - newest > scale.late ? [[newest, scale.to] as const] : [];
  for (const [from, to] of [...data.gaps, ...tail]) {
    const x0 = Math.max(0, x(from));
    hatch(g, [x0, 0, Math.max(3, Math.min(right, x(to)) - x0), height], ink("line-2"), 4);
  }
  g.save();
  g.beginPath();
  g.rect(0, 0, width, height);
  g.clip();
  if (scale.bars) drawBars(g, data, x, y, width);
  else drawLine(g, data, x, y);
  g.restore();
}

type Place = (value: number) => number;

function drawLine(g: CanvasRenderingContext2D, data: SparkData, x: Place, y: Place): void {
  g.strokeStyle = ink("text-2");
  trace(g, data.times.length, (i) => {
    const [at, v] = [data.times[i], data.values[i]];
    return at === undefined || v === null || v === undefined ? null : [x(at), y(v)];
  });
  const last = data.values.findLastIndex((v) => v !== null);
  const [at, v] = [data.times[last], data.values[last]];
  if (at === undefined || v === null || v === undefined || last < data.values.length - 2) return;
  g.fillStyle = ink("text");
  g.beginPath();
  g.arc(x(at), y(v), 2, 0, 7);
  g.fill();
}

function drawBars(g: CanvasRenderingContext2D, data: SparkData, x: Place, y: Place, width: number): void {
  line(g, [0, crisp(y(0)), width, crisp(y(0))], ink("line-2"));
  g.fillStyle = ink("crit");
  data.values.forEach((v, i) => {
    const at = data.times[i];
    if (v !== null && v > 0 && at !== undefined) g.fillRect(x(at) - 1, y(v), 2, y(0) - y(v));
  });
}

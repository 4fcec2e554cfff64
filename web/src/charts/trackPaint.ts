import uPlot from "uplot";
import { hatch, ink, label } from "./paint";

const ratioOf = () => devicePixelRatio || 1;

/** Hatches the stretches in which points are missing. */
export function drawGaps(u: uPlot, gaps: readonly (readonly [number, number])[]): void {
  const { left, top, width, height } = u.bbox;
  const ratio = ratioOf();
  const g = u.ctx;
  g.save();
  g.lineWidth = ratio;
  // A dashed line drawn before leaves its dashes behind.
  g.setLineDash([]);
  for (const [from, to] of gaps) {
    const x0 = Math.max(left, u.valToPos(from, "x", true));
    const x1 = Math.min(left + width, u.valToPos(to, "x", true));
    hatch(g, [x0, top, x1 - x0, height], ink("gap"), 6 * ratio);
  }
  g.restore();
}

/** Says something in the middle of an empty chart. */
export function drawWords(u: uPlot, words: string): void {
  const { left, top, width, height } = u.bbox;
  const ratio = ratioOf();
  u.ctx.save();
  u.ctx.scale(ratio, ratio);
  label(u.ctx, words, (left + width / 2) / ratio, (top + height / 2) / ratio - 6, "center");
  u.ctx.restore();
}

/** Triangles over the chart, at instants that have a point without all of its frames. */
export function drawMarks(u: uPlot, instants: readonly number[]): void {
  const { left, top, width } = u.bbox;
  const ratio = ratioOf();
  const g = u.ctx;
  g.fillStyle = ink("warn");
  for (const at of instants) {
    const x = u.valToPos(at, "x", true);
    if (x < left || x > left + width) continue;
    g.beginPath();
    g.moveTo(x - 3.5 * ratio, top - 8 * ratio);
    g.lineTo(x + 3.5 * ratio, top - 8 * ratio);
    g.lineTo(x, top - 2 * ratio);
    g.fill();
  }
}

export function drawLimits(u: uPlot, limits: readonly (readonly [number, string])[]): void {
  const { left, width } = u.bbox;
  const ratio = ratioOf();
  const g = u.ctx;
  for (const [value, color] of limits) {
    const y = Math.round(u.valToPos(value, "left", true)) + 0.5;
    g.save();
    g.strokeStyle = g.fillStyle = ink(color);
    g.globalAlpha = 0.75;
    g.lineWidth = ratio;
    g.setLineDash([ratio, 4 * ratio]);
    g.beginPath();
    g.moveTo(left, y);
    g.lineTo(left + width, y);
    g.stroke();
    g.globalAlpha = 1;
    g.fillRect(left, y - 0.5, 6 * ratio, ratio);
    g.restore();
  }
}

export const BARS = uPlot.paths.bars?.({ size: [0.7, 10], align: 1 });

/** A point with nothing on either side would be a line of no length. */
export function alone(u: uPlot, series: number, show: boolean): number[] | null {
  const values = [...(u.data[series] ?? [])];
  if (!show) return null;
  return values.flatMap((v, i) => (v != null && values[i - 1] == null && values[i + 1] == null ? [i] : []));
}

/** The same colour, thin, for areas. The tokens are written as #rrggbb. */
export function soft(token: string): string {
  return `${ink(token)}3d`;
}

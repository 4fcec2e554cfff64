import uPlot from "uplot";
import { formatClock } from "../core/format";
import type { Live } from "../core/live";
import { fontOf, hatch, ink, label } from "./paint";
import type { SeriesSpec, TrackSpec } from "./trackSpecs";

const LEFT = 44;
const RIGHT = 52;
const TIME_AXIS = 26;

export interface TrackHooks {
  /** Figures to print beside the track: at the crosshair, else the newest. */
  onRead(figures: readonly (number | null)[], at: number | null): void;
  onZoom(from: number, to: number): void;
  onLive(): void;
}

/** One chart of the stack: a uPlot that is fed from the rings, outside of React. */
export class TrackPlot {
  private readonly plot: uPlot;
  private readonly live: Live;
  private readonly spec: TrackSpec;
  private readonly hooks: TrackHooks;
  private readonly host: HTMLElement;
  private gaps: readonly (readonly [number, number])[] = [];
  private shown: readonly (readonly (number | null)[])[] = [];
  private times: readonly number[] = [];
  private drawn = { from: NaN, to: NaN, version: -1 };
  private tops = { left: 1, right: 1 };

  constructor(host: HTMLElement, spec: TrackSpec, live: Live, hooks: TrackHooks, timeAxis: boolean) {
    this.host = host;
    this.spec = spec;
    this.live = live;
    this.hooks = hooks;
    this.plot = new uPlot(this.options(timeAxis), [[], ...spec.series.map(() => [])], host);
    this.plot.over.addEventListener("dblclick", hooks.onLive);
  }

  /** Show the stretch from `from` to `to`. Does nothing if that is what is drawn already. */
  show(from: number, to: number): void {
    const version = this.version();
    const width = this.plot.bbox.width || 1;
    const moved = Math.abs(to - this.drawn.to) * width >= to - from;
    const resized = Math.abs(to - from - (this.drawn.to - this.drawn.from)) > 0.001;
    if (version === this.drawn.version && !moved && !resized) return;
    if (version !== this.drawn.version || resized || Math.abs(to - this.drawn.to) > 1) this.load(from, to);
    this.drawn = { from, to, version };
    this.plot.batch(() => {
      this.plot.setScale("x", { min: from, max: to });
      this.plot.setScale("left", { min: 0, max: this.tops.left });
      if (this.spec.right) this.plot.setScale("right", { min: 0, max: this.tops.right });
    });
    this.read();
  }

  resize(width: number, height: number): void {
    if (width > 0 && (width !== this.plot.width || height !== this.plot.height)) {
      this.plot.setSize({ width, height });
    }
  }

  destroy(): void {
    this.plot.destroy();
  }

  private version(): number {
    const { system, actions, events } = this.live.points;
    return system.version + actions.version + events.version;
  }

  private load(from: number, to: number): void {
    const window = this.spec.read(this.live, from, to);
    this.times = window.times;
    this.shown = window.shown;
    this.gaps = window.gaps;
    this.tops = { left: this.top("left", window.columns), right: this.top("right", window.columns) };
    this.plot.setData([window.times, ...window.columns] as uPlot.AlignedData, false);
    this.host.dataset.points = String(window.count);
  }

  private top(side: "left" | "right", columns: readonly (readonly (number | null)[])[]): number {
    let max = 0;
    this.spec.series.forEach((series, i) => {
      if (series.side !== side) return;
      for (const value of columns[i] ?? []) if (value !== null && value > max) max = value;
    });
    return this.spec[side]?.top(max) ?? 1;
  }

  private read(): void {
    const idx = this.plot.cursor.idx;
    const hovered = (this.plot.cursor.left ?? -1) >= 0 && idx !== null && idx !== undefined;
    const last = this.lastInView();
    const i = hovered ? idx : last;
    const figures = this.shown.map((column) => column[i] ?? null);
    this.hooks.onRead(figures, hovered ? (this.times[i] ?? null) : null);
  }

  private lastInView(): number {
    let i = this.times.length - 1;
    while (i > 0 && (this.times[i] ?? 0) > this.drawn.to + this.live.interval) i -= 1;
    return i;
  }

  private options(timeAxis: boolean): uPlot.Options {
    const { spec } = this;
    const rect = this.host.getBoundingClientRect();
    return {
      width: Math.max(80, rect.width),
      height: Math.max(60, rect.height),
      padding: [14, spec.right ? 0 : RIGHT, timeAxis ? 0 : 8, 0],
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: false, dist: 6 },
        focus: { prox: -1 },
        sync: { key: "tracks", setSeries: false, scales: ["x", null] },
        points: {
          size: 7,
          width: 2,
          fill: () => ink("bg"),
          stroke: (_u, i) => ink(spec.series[i - 1]?.color ?? "text"),
        },
        bind: { dblclick: () => null },
      },
      select: { show: true, left: 0, top: 0, width: 0, height: 0 },
      scales: {
        x: { time: true, auto: false },
        left: { auto: false, range: () => [0, this.tops.left] },
        ...(spec.right ? { right: { auto: false, range: () => [0, this.tops.right] } } : {}),
      },
      axes: [this.timeAxis(timeAxis), ...this.valueAxes()],
      series: [{}, ...spec.series.map((series) => this.series(series))],
      bands: spec.series[0]?.kind === "stacked" ? [{ series: [2, 1], fill: () => soft("c3") }] : [],
      hooks: {
        drawClear: [(u) => this.drawGaps(u)],
        drawAxes: [(u) => this.drawLimits(u)],
        setCursor: [() => this.read()],
        setSelect: [(u) => this.select(u)],
      },
    };
  }

  private timeAxis(show: boolean): uPlot.Axis {
    return {
      show,
      size: TIME_AXIS,
      gap: 6,
      font: fontOf(),
      stroke: () => ink("text-3"),
      grid: { show: false },
      ticks: { size: 4, width: 1, stroke: () => ink("line-2") },
      border: { show: true, width: 1, stroke: () => ink("line-2") },
      space: 64,
      incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300],
      values: (_u, splits) => splits.map((at) => formatClock(at)),
    };
  }

  private valueAxes(): uPlot.Axis[] {
    const sides: ("left" | "right")[] = this.spec.right ? ["left", "right"] : ["left"];
    return sides.map((side) => ({
      scale: side,
      side: side === "left" ? 3 : 1,
      size: side === "left" ? LEFT : RIGHT,
      gap: 6,
      font: fontOf(),
      stroke: () => ink("text-3"),
      ticks: { show: false },
      grid: { show: side === "left", width: 1, stroke: () => ink("grid") },
      splits: () => [0, this.tops[side] / 2, this.tops[side]],
      values: (_u, splits) => splits.map((v) => this.spec[side]?.format(v, this.tops[side]) ?? ""),
    }));
  }

  private series(series: SeriesSpec): uPlot.Series {
    const area = series.kind !== "line";
    const lower = series.kind === "area" || series.key === "actions";
    return {
      scale: series.side,
      stroke: () => ink(series.color),
      width: 1 / (devicePixelRatio || 1),
      points: { show: false },
      spanGaps: false,
      ...(area && lower ? { fill: () => soft(series.color) } : {}),
    };
  }

  /** Where ticks are missing, and from the last one on when no other comes. */
  private drawGaps(u: uPlot): void {
    const { left, top, width, height } = u.bbox;
    const ratio = devicePixelRatio || 1;
    const newest = this.times.at(-1);
    const late = newest !== undefined && this.drawn.to - newest > 3 * this.live.interval;
    const gaps = late && this.times.length ? [...this.gaps, [newest, this.drawn.to] as const] : this.gaps;
    const g = u.ctx;
    g.save();
    g.lineWidth = ratio;
    for (const [from, to] of gaps) {
      const x0 = Math.max(left, u.valToPos(from, "x", true));
      const x1 = Math.min(left + width, u.valToPos(to, "x", true));
      hatch(g, [x0, top, x1 - x0, height], ink("gap"), 6 * ratio);
    }
    g.restore();
    // Before the first look nothing is known about the stretch, and nothing said.
    if (this.times.length === 0 && this.drawn.version >= 0) {
      g.save();
      g.scale(ratio, ratio);
      label(g, "no points in this stretch", (left + width / 2) / ratio, (top + height / 2) / ratio, "center");
      g.restore();
    }
  }

  private drawLimits(u: uPlot): void {
    const g = u.ctx;
    const { left, width } = u.bbox;
    const ratio = devicePixelRatio || 1;
    for (const [value, color] of this.spec.limits ?? []) {
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

  private select(u: uPlot): void {
    const { left, width } = u.select;
    if (width < 6) return;
    const from = u.posToVal(left, "x");
    const to = u.posToVal(left + width, "x");
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (to - from > 0.2) this.hooks.onZoom(from, to);
  }
}

/** The same colour, thin, for areas. The tokens are written as #rrggbb. */
function soft(token: string): string {
  return `${ink(token)}3d`;
}

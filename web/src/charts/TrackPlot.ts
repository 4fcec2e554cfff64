import uPlot from "uplot";
import { formatClock } from "../core/format";
import { gapAt, gapWords, type Causes } from "../core/gaps";
import type { Live } from "../core/live";
import { fontOf, ink } from "./paint";
import { alone, BARS, drawGaps, drawLimits, drawMarks, drawWords, soft } from "./trackPaint";
import type { SeriesSpec, TrackSpec } from "./trackSpecs";

const LEFT = 54;
const RIGHT = 52;
const NO_RIGHT = 12;
const TIME_AXIS = 26;

export interface TrackHooks {
  /** Figures to print beside the track: at the crosshair, else the newest. */
  onRead(figures: readonly (number | null)[], at: number | null): void;
  /** What is missing where the crosshair is, `x` pixels from the left of the chart; undefined: nothing. */
  onMissing(words: string | undefined, x: number): void;
  /** The pointer has taken the crosshair. */
  onPointer(): void;
  onZoom(from: number, to: number): void;
  onLive(): void;
}

/** Where a track stands: the first one carries marks, the last one the time. */
export interface Place {
  readonly first: boolean;
  readonly last: boolean;
  /** Some track of the stack has an axis on the right, and all have to end with it. */
  readonly rightAxis: boolean;
}

/** One chart of the stack: a uPlot that is fed from the rings, outside of React. */
export class TrackPlot {
  private readonly plot: uPlot;
  private readonly live: Live;
  private readonly spec: TrackSpec;
  private readonly hooks: TrackHooks;
  private readonly place: Place;
  private readonly host: HTMLElement;
  private gaps: readonly (readonly [number, number])[] = [];
  private shown: readonly (readonly (number | null)[])[] = [];
  private times: readonly number[] = [];
  private drawn = { from: NaN, to: NaN, version: -1 };
  private tops = { left: 1, right: 1 };
  private pinned: number | null = null;

  constructor(host: HTMLElement, spec: TrackSpec, live: Live, hooks: TrackHooks, place: Place) {
    this.host = host;
    this.spec = spec;
    this.live = live;
    this.hooks = hooks;
    this.place = place;
    this.plot = new uPlot(this.options(place.last), [[], ...spec.series.map(() => [])], host);
    this.plot.over.addEventListener("dblclick", hooks.onLive);
    this.plot.over.addEventListener("mousemove", hooks.onPointer);
  }

  /** Put the crosshair at an instant, where it stays while the view moves; null takes it away. */
  pin(at: number | null): void {
    if (at === null && this.pinned === null) return;
    this.pinned = at;
    this.plot.setCursor(at === null ? { left: -10, top: -10 } : { left: this.plot.valToPos(at, "x"), top: 8 });
    this.read();
  }

  /** The pointer moves the crosshair from here on. */
  unpin(): void {
    this.pinned = null;
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
    if (this.pinned !== null) this.pin(this.pinned);
    else this.read();
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
    return this.spec.rings(this.live).reduce((sum, ring) => sum + (ring?.version ?? 0), 0);
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
    const { idx, left = -1 } = this.plot.cursor;
    const hovered = left >= 0 && idx !== null && idx !== undefined;
    if (!hovered) {
      const last = this.lastInView();
      this.hooks.onRead(this.shown.map((column) => column[last] ?? null), null);
      this.hooks.onMissing(undefined, 0);
      return;
    }
    const at = this.pinned ?? this.plot.posToVal(left, "x");
    const gap = gapAt(at, this.allGaps(), this.causes());
    const near = this.times[idx];
    // Far from any point there is no figure, and the nearest one is not of this moment.
    const far = gap !== undefined || near === undefined || Math.abs(near - at) > 1.5 * this.step();
    this.hooks.onRead(this.shown.map((column) => (far ? null : (column[idx] ?? null))), far ? at : near);
    this.hooks.onMissing(gap ? gapWords(gap) : near === undefined ? undefined : this.incompleteAt(near), left + this.plot.bbox.left / (devicePixelRatio || 1));
  }

  private step(): number {
    return this.spec.step?.(this.live) ?? this.live.interval;
  }

  private causes(): Causes | undefined {
    return this.spec.causes ? this.spec.causes(this.live) : this.spec.rings(this.live)[0]?.causes;
  }

  /** Instants in view that have a point without all of its frames. */
  private incomplete(): number[] {
    return this.spec.rings(this.live)[0]?.incomplete(this.drawn.from, this.drawn.to) ?? [];
  }

  private incompleteAt(at: number): string | undefined {
    if (!this.incomplete().some((one) => Math.abs(one - at) < 0.001)) return undefined;
    return `${formatClock(at)} is not complete: ${this.causes()?.nearest(at, at - 0.001, at + 0.001) ?? "why is not known"}`;
  }

  /** Where ticks are missing, and from the last one on when no other comes. */
  private allGaps(): readonly (readonly [number, number])[] {
    const newest = this.spec.known ? this.spec.known(this.live) : this.times.at(-1);
    const late = newest !== undefined && this.drawn.to - newest > 3 * this.step();
    return late ? [...this.gaps, [newest, this.drawn.to] as const] : this.gaps;
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
      padding: [14, spec.right ? 0 : this.place.rightAxis ? RIGHT : NO_RIGHT, timeAxis ? 0 : 8, 0],
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
        drawClear: [(u) => this.drawGround(u)],
        drawAxes: [
          (u) => drawLimits(u, this.spec.limits ?? []),
          (u) => drawMarks(u, this.place.first ? this.incomplete() : []),
        ],
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
      incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400],
      values: (_u, splits, _axis, _space, step) => splits.map((at) => formatClock(at, step < 60)),
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
    const area = series.kind === "area" || series.kind === "stacked";
    const lower = series.kind === "area" || series.key === "actions";
    return {
      scale: series.side,
      stroke: () => ink(series.color),
      width: 1 / (devicePixelRatio || 1),
      points: series.dots
        ? { show: true, filter: alone, size: 4, width: 0, fill: () => ink(series.color) }
        : { show: false },
      spanGaps: false,
      ...(series.dashed ? { dash: [4, 4] } : {}),
      ...(series.kind === "bars" ? { paths: BARS, fill: () => ink(series.color), width: 0 } : {}),
      ...(area && lower ? { fill: () => soft(series.color) } : {}),
    };
  }

  private drawGround(u: uPlot): void {
    const gaps = this.allGaps();
    drawGaps(u, gaps);
    // Before the first look nothing is known about the stretch, and nothing said.
    const said = this.times.length === 0 && this.drawn.version >= 0 && gaps.length === 0;
    if (said) drawWords(u, this.spec.empty ?? "no points in this stretch");
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

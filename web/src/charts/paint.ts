const inks = new Map<string, string>();

/** A colour or font of the theme in force, as a canvas wants it. */
export function ink(name: string): string {
  let value = inks.get(name);
  if (value === undefined) {
    value = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
    inks.set(name, value);
  }
  return value;
}

/** The theme has changed: read all anew. */
export function forgetInks(): void {
  inks.clear();
}

export const fontOf = (size = 11, weight = 400): string => `${weight} ${size}px ${ink("font")}`;

export interface Sheet {
  readonly g: CanvasRenderingContext2D;
  readonly width: number;
  readonly height: number;
}

/** An empty canvas, one unit a CSS pixel, as large as it is shown. */
export function sheet(canvas: HTMLCanvasElement): Sheet | null {
  const g = canvas.getContext("2d");
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (g === null || width === 0 || height === 0) return null;
  const ratio = devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, width, height);
  g.lineWidth = 1;
  return { g, width, height };
}

/** The middle of a pixel: a hairline there is sharp. */
export const crisp = (value: number): number => Math.round(value) + 0.5;

export function line(
  g: CanvasRenderingContext2D,
  [x1, y1, x2, y2]: readonly [number, number, number, number],
  color: string,
  dash: number[] = [],
): void {
  g.strokeStyle = color;
  g.setLineDash(dash);
  g.beginPath();
  g.moveTo(x1, y1);
  g.lineTo(x2, y2);
  g.stroke();
  g.setLineDash([]);
}

/** Slanted lines: here is no data. */
export function hatch(
  g: CanvasRenderingContext2D,
  [x, y, w, h]: readonly [number, number, number, number],
  color: string,
  step = 6,
): void {
  if (w <= 0) return;
  g.save();
  g.beginPath();
  g.rect(x, y, w, h);
  g.clip();
  g.strokeStyle = color;
  g.beginPath();
  // Anchored to the page, not to the gap: the lines don't crawl when the gap moves.
  for (let at = x - h - ((x - h) % step); at < x + w + h; at += step) {
    g.moveTo(at, y + h);
    g.lineTo(at + h, y);
  }
  g.stroke();
  g.restore();
}

/** A line through the figures; null breaks it. */
export function trace(
  g: CanvasRenderingContext2D,
  count: number,
  at: (i: number) => readonly [number, number] | null,
): void {
  let pen = false;
  g.beginPath();
  for (let i = 0; i < count; i += 1) {
    const point = at(i);
    if (point === null) pen = false;
    else {
      if (pen) g.lineTo(point[0], point[1]);
      else g.moveTo(point[0], point[1]);
      pen = true;
    }
  }
  g.stroke();
}

export function label(
  g: CanvasRenderingContext2D,
  text: string,
  x: number,
  y: number,
  align: CanvasTextAlign = "left",
  color = ink("text-3"),
): void {
  g.font = fontOf();
  g.fillStyle = color;
  g.textAlign = align;
  g.textBaseline = "alphabetic";
  g.fillText(text, x, y);
}

/** An absent figure. Never 0: 0 would be a measurement. */
export const NONE = "–";

export interface Figure {
  readonly value: string;
  readonly unit: string;
}

const none: Figure = { value: NONE, unit: "" };
const absent = (value: number | null | undefined): value is null | undefined =>
  value === null || value === undefined || !Number.isFinite(value);

/** 12480 -> "12,480"; `digits` after the point. */
export function formatNumber(value: number | null | undefined, digits = 0): string {
  if (absent(value)) return NONE;
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** Three figures of a count, the power in the unit, for where there is little room: 9,999, 43.7 k, 10.0 M. */
export function compact(value: number | null | undefined): Figure {
  if (absent(value)) return none;
  const size = Math.abs(value);
  if (size < 9_999.5) return { value: formatNumber(value), unit: "" };
  const [power, unit] = size < 999_500 ? [1e3, "k"] : size < 999.5e6 ? [1e6, "M"] : [1e9, "G"];
  return { value: formatShort(value / power), unit };
}

export function formatCompact(value: number | null | undefined): string {
  const { value: shown, unit } = compact(value);
  return unit ? `${shown} ${unit}` : shown;
}

/** A set figure, not a measured one: 8, 0.5, 1.25. */
export function formatPlain(value: number | null | undefined): string {
  return absent(value) ? NONE : value.toLocaleString("en-US", { maximumFractionDigits: 2 });
}

/** Three figures that matter: 0.31, 3.18, 31.8, 318, 3,180. They keep their digits while they move. */
export function formatShort(value: number | null | undefined): string {
  if (absent(value)) return NONE;
  const size = Math.abs(value);
  if (size === 0) return "0";
  // Two digits would make a 0 of it, and 0 was not measured.
  if (size < 0.005) return value < 0 ? "> −0.01" : "< 0.01";
  return formatNumber(value, size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}

/** A share of 100. Close to an end it gets more digits: 99.99 must not read 100, nor 0.02 read 0. */
export function percent(value: number | null | undefined): Figure {
  if (absent(value)) return none;
  if (value > 99 && value < 100) return { value: Math.min(value, 99.99).toFixed(2), unit: "%" };
  if (value > 0 && value < 0.01) return { value: "< 0.01", unit: "%" };
  const digits = value === 0 || value === 100 ? 0 : value < 1 ? 2 : value < 10 || value >= 90 ? 1 : 0;
  return { value: formatNumber(value, digits), unit: "%" };
}

export function mebibytes(value: number | null | undefined): Figure {
  if (absent(value)) return none;
  if (value < 1024) return { value: formatShort(value), unit: "MiB" };
  const [large, unit] = value < 1024 ** 2 ? [value / 1024, "GiB"] : [value / 1024 ** 2, "TiB"];
  return { value: formatNumber(large, large < 99.995 ? 2 : 1), unit };
}

/** Bytes in the largest unit that keeps a figure before the point. */
export function formatBytes(bytes: number | null | undefined): string {
  if (absent(bytes)) return NONE;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  return `${formatShort(bytes / 1024 ** step)} ${units[step]}`;
}

export function formatPercentage(value: number | null | undefined): string {
  const { value: shown, unit } = percent(value);
  return unit ? `${shown} ${unit}` : shown;
}

/** How long a call took, in seconds: 240 µs, 31 ms, 1.24 s, 2 min 5 s. */
export function duration(seconds: number | null | undefined): Figure {
  if (absent(seconds)) return none;
  if (seconds >= 60) return { value: formatSpan(seconds), unit: "" };
  if (seconds >= 1) return { value: formatShort(seconds), unit: "s" };
  if (seconds >= 0.001 || seconds === 0) return { value: formatShort(seconds * 1e3), unit: "ms" };
  return { value: formatShort(seconds * 1e6), unit: "µs" };
}

export function formatDuration(seconds: number | null | undefined): string {
  const { value, unit } = duration(seconds);
  return unit ? `${value} ${unit}` : value;
}

/** A stretch of time in two steps at most: 4 s, 6 min 18 s, 1 h 12 min, 3 d 4 h. */
export function formatSpan(seconds: number | null | undefined): string {
  if (absent(seconds)) return NONE;
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return whole % 60 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

/** Age of data: tenths below 10 s, where they can be seen to move. */
export function formatAge(seconds: number | null | undefined): string {
  if (absent(seconds)) return "";
  if (seconds < 10) return `${Math.max(0, seconds).toFixed(1)} s`;
  return seconds < 60 ? `${Math.floor(seconds)} s` : formatSpan(seconds).replace(/ \d+ s$/, "");
}

/** Local time of day of a server instant in seconds: 14:26:52. */
export function formatClock(at: number | null | undefined, withSeconds = true): string {
  if (absent(at)) return NONE;
  const date = new Date(at * 1000);
  const two = (n: number) => String(n).padStart(2, "0");
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return withSeconds ? `${minutes}:${two(date.getSeconds())}` : minutes;
}

/** A time of day, with its date when that isn't today. */
export function formatWhen(at: number | null | undefined, now: number): string {
  if (absent(at)) return NONE;
  const date = new Date(at * 1000);
  if (date.toDateString() === new Date(now * 1000).toDateString()) return formatClock(at);
  const month = date.toLocaleString("en-US", { month: "short" });
  return `${date.getDate()} ${month} ${formatClock(at, false)}`;
}

/** A difference with its sign: +33, −1.2, 0. The minus is a real one, as wide as the plus. */
export function formatChange(value: number | null | undefined, digits = 0): string {
  if (absent(value)) return NONE;
  const text = formatNumber(Math.abs(value), digits);
  if (Number(text.replaceAll(",", "")) === 0) return "0";
  return `${value > 0 ? "+" : "−"}${text}`;
}

/** The same where there is little room: +40.9 k. */
export function formatChangeCompact(value: number | null | undefined): string {
  if (absent(value)) return NONE;
  const text = formatCompact(Math.abs(value));
  return text === "0" ? text : `${value > 0 ? "+" : "−"}${text}`;
}

/** "1 source", "3 sources". */
export function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${formatNumber(n)} ${n === 1 ? noun : plural}`;
}

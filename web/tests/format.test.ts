import { expect, test } from "vitest";
import {
  formatAge,
  formatBytes,
  formatChange,
  formatChangeCompact,
  formatCompact,
  formatDuration,
  formatNumber,
  formatPercentage,
  formatShort,
  formatSpan,
  mebibytes,
  NONE,
} from "../src/core/format";

test("what was not measured is a dash, never 0", () => {
  for (const format of [formatNumber, formatShort, formatCompact, formatPercentage, formatDuration, formatBytes, formatSpan]) {
    expect(format(undefined)).toBe(NONE);
    expect(format(null)).toBe(NONE);
    expect(format(NaN)).toBe(NONE);
  }
});

test.each([
  [0, "0"],
  [0.002, "< 0.01"],
  [0.318, "0.32"],
  [3.18, "3.18"],
  [31.83, "31.8"],
  [318.4, "318"],
  [12480, "12,480"],
])("%d is shown with the figures that matter: %s", (value, text) => {
  expect(formatShort(value)).toBe(text);
});

test.each([
  [100, "100 %"],
  [99.9999, "99.99 %"],
  [99.2, "99.20 %"],
  [98.6, "98.6 %"],
  [64.4, "64 %"],
  [4.56, "4.6 %"],
  [0.02, "0.02 %"],
  [0.0001, "< 0.01 %"],
  [0, "0 %"],
])("%d percent is shown so that a failure is not rounded away: %s", (value, text) => {
  expect(formatPercentage(value)).toBe(text);
});

test.each([
  [0.00024, "240 µs"],
  [0.031, "31.0 ms"],
  [1.24, "1.24 s"],
  [125, "2 min 5 s"],
])("%d s takes the unit that fits: %s", (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test.each([
  [4.9, "4 s"],
  [378, "6 min 18 s"],
  [4320, "1 h 12 min"],
  [273600, "3 d 4 h"],
])("a stretch of %d s has two steps at most: %s", (seconds, text) => {
  expect(formatSpan(seconds)).toBe(text);
});

test("an age shows tenths while they can be seen to move, and is never negative", () => {
  expect(formatAge(0.42)).toBe("0.4 s");
  expect(formatAge(-0.3)).toBe("0.0 s");
  expect(formatAge(12.9)).toBe("12 s");
  expect(formatAge(200)).toBe("3 min");
});

test.each([
  [9_999, "9,999"],
  [43_713, "43.7 k"],
  [999_499, "999 k"],
  [9_999_999, "10.0 M"],
])("a count of %d where there is little room: %s", (value, text) => {
  expect(formatCompact(value)).toBe(text);
});

test("memory up to the largest machines keeps to five figures", () => {
  expect(mebibytes(999.9 * 1024)).toEqual({ value: "999.9", unit: "GiB" });
  expect(mebibytes(2 * 1024 ** 2)).toEqual({ value: "2.00", unit: "TiB" });
});

test("memory and bytes take the unit that fits", () => {
  expect(mebibytes(1884)).toEqual({ value: "1.84", unit: "GiB" });
  expect(mebibytes(512)).toEqual({ value: "512", unit: "MiB" });
  expect(formatBytes(1536)).toBe("1.50 KiB");
  expect(formatBytes(0)).toBe("0 B");
});

test("a change has its sign, and none when it rounds to nothing", () => {
  expect(formatChange(33)).toBe("+33");
  expect(formatChange(-1.24, 1)).toBe("−1.2");
  expect(formatChange(-0.001, 1)).toBe("0");
  expect(formatChangeCompact(40_880)).toBe("+40.9 k");
  expect(formatChangeCompact(-3)).toBe("−3");
  expect(formatChangeCompact(0)).toBe("0");
});

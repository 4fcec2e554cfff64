import { expect, test } from "vitest";
import { rowWindow } from "../src/core/virtualRows";

test("only the rows in view and some beside them are drawn, whatever the number of all", () => {
  const { first, end } = rowWindow(10_000, 32, 160_000, 900);
  expect(first).toBeLessThanOrEqual(5000);
  expect(end).toBeGreaterThanOrEqual(5029);
  expect(end - first).toBeLessThan(60);
});

test("the room above and below is that of the rows that are left out", () => {
  const { first, end, before, after } = rowWindow(10_000, 32, 160_000, 900);
  expect(before).toBe(first * 32);
  expect(before + (end - first) * 32 + after).toBe(10_000 * 32);
});

test("above its beginning, below its end and empty it stays within its rows", () => {
  expect(rowWindow(100, 32, -5000, 900)).toEqual({ first: 0, end: 0, before: 0, after: 3200 });
  expect(rowWindow(100, 32, 50_000, 900)).toEqual({ first: 100, end: 100, before: 3200, after: 0 });
  expect(rowWindow(0, 32, 0, 900)).toEqual({ first: 0, end: 0, before: 0, after: 0 });
  expect(rowWindow(3, 32, -200, 900)).toEqual({ first: 0, end: 3, before: 0, after: 0 });
});

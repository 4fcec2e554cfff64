import { expect, test } from "vitest";
import { BACKOFF, backoffMs } from "../src/core/backoff";

test("the wait doubles with each failure", () => {
  const waits = [0, 1, 2, 3].map((attempt) => backoffMs(attempt, () => 1));
  expect(waits).toEqual([500, 1000, 2000, 4000]);
});

test("the wait stops growing at its most, however many failures", () => {
  expect(backoffMs(12, () => 1)).toBe(BACKOFF.mostMs);
  expect(backoffMs(5000, () => 1)).toBe(BACKOFF.mostMs);
});

test("chance takes away up to half, so that pages don't come back all at once", () => {
  expect(backoffMs(3, () => 0)).toBe(2000);
  expect(backoffMs(3, () => 0.5)).toBe(3000);
});

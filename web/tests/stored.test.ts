import { expect, test } from "vitest";
import { StoredSeries } from "../src/core/stored";

const item = (at: number) => ({ at, count: 3, errors: 0, mean: 0.1, p50: 0.1, p95: 0.2, p99: 0.3, max: 0.4 });
const answer = (items: object[], stored_from?: number) => ({ items, step_s: 10, from: 0, to: 100, stored_from });

test("each step is a point, with the figures where they belong", () => {
  const { ring } = new StoredSeries(answer([item(10), item(20)]));
  const { times, columns } = ring.window(0, 100, 10);
  expect(times).toEqual([10, 20]);
  expect(columns[ring.names.indexOf("p95_s")]).toEqual([0.2, 0.2]);
});

test("steps that are absent are gaps, at the ends too", () => {
  const series = new StoredSeries(answer([item(20), item(30), item(60)]));
  expect(series.gaps(0, 100)).toEqual([[0, 20], [40, 60], [70, 100]]);
  expect(series.nearest(50, 40, 60)).toBe("nothing was recorded");
});

test("what is older than all that is stored says so", () => {
  const series = new StoredSeries(answer([item(50), item(60), item(70), item(80), item(90)], 50));
  expect(series.gaps(0, 100)).toEqual([[0, 50]]);
  expect(series.nearest(20, 0, 50)).toBe("nothing older is stored");
});

test("an answer that is none is refused", () => {
  expect(() => new StoredSeries({ error: "no" })).toThrow("no items");
});

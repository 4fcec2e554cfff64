import { expect, test } from "vitest";
import { PointRing } from "../src/core/ring";

const at = (ms: number, value: number | null) => ({ [String(ms)]: [value] });
const table = (...points: Record<string, (number | null)[]>[]) => ({
  columns: ["v"],
  points: Object.assign({}, ...points) as Record<string, (number | null)[]>,
});

test("points come out as they went in, in order of time", () => {
  const ring = new PointRing(["v"]);
  ring.take(table(at(2000, 2), at(1000, 1)));
  const window = ring.window(0, 10, 1);
  expect(window.times).toEqual([1, 2]);
  expect(window.columns).toEqual([[1, 2]]);
  expect(window.count).toBe(2);
});

test("a missing tick stays a gap: a null between its neighbours, and listed", () => {
  const ring = new PointRing(["v"]);
  ring.take(table(at(1000, 1), at(2000, 2), at(5000, 5)));
  const window = ring.window(0, 10, 1);
  expect(window.columns).toEqual([[1, 2, null, 5]]);
  expect(window.gaps).toEqual([[2, 5]]);
  expect(window.count).toBe(3);
});

test("a tick that comes a little late is no gap", () => {
  const ring = new PointRing(["v"]);
  ring.take(table(at(1000, 1), at(2400, 2)));
  expect(ring.window(0, 10, 1).gaps).toEqual([]);
});

test("a column without a value is null, never 0, and its instant does not count", () => {
  const ring = new PointRing(["v"]);
  ring.take(table(at(1000, null)));
  const window = ring.window(0, 10, 1);
  expect(window.columns).toEqual([[null]]);
  expect(window.count).toBe(0);
  expect(ring.last("v")).toBeNull();
});

test("a column that the server does not send is null", () => {
  const ring = new PointRing(["v", "other"]);
  ring.take(table(at(1000, 1)));
  expect(ring.window(0, 10, 1).columns).toEqual([[1], [null]]);
});

test("a full ring forgets its oldest points and no others", () => {
  const ring = new PointRing(["v"], 3);
  for (let i = 1; i <= 5; i += 1) ring.append(i, [i * 10]);
  expect(ring.length).toBe(3);
  expect(ring.window(0, 10, 1).columns).toEqual([[30, 40, 50]]);
  expect(ring.oldest).toBe(3);
});

test("a point taken twice is there once", () => {
  const ring = new PointRing(["v"]);
  ring.take(table(at(1000, 1), at(2000, 2)));
  const { version } = ring;
  ring.take(table(at(1000, 1), at(2000, 2)));
  expect(ring.length).toBe(2);
  expect(ring.version).toBe(version);
});

test("points that come late after a resume go to their place", () => {
  const ring = new PointRing(["v"]);
  ring.take(table(at(1000, 1), at(4000, 4)));
  ring.take(table(at(2000, 2), at(3000, 3), at(4000, 4), at(5000, 5)));
  const window = ring.window(0, 10, 1);
  expect(window.times).toEqual([1, 2, 3, 4, 5]);
  expect(window.gaps).toEqual([]);
});

test("a window has one point more at each side, so that lines reach the edge", () => {
  const ring = new PointRing(["v"]);
  for (let i = 1; i <= 9; i += 1) ring.append(i, [i]);
  const window = ring.window(3.5, 6.5, 1);
  expect(window.times).toEqual([3, 4, 5, 6, 7]);
  expect(window.count).toBe(3);
});

test("the figures at an instant are the newest up to it, unless they are too old", () => {
  const ring = new PointRing(["v"]);
  ring.append(1, [10]);
  ring.append(2, [20]);
  expect(ring.rowAt(2.4, 1)).toEqual([20]);
  expect(ring.rowAt(9, 1)).toBeNull();
  expect(ring.rowAt(0.5, 1)).toBeNull();
});

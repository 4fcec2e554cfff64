import { expect, test } from "vitest";
import { GapCauses, gapAt, gapWords } from "../src/core/gaps";
import { PointRing } from "../src/core/ring";

const NOBODY = "no program was running";

function ring(points: number[], gaps: Record<string, string | null>): PointRing {
  const made = new PointRing(["v"]);
  made.take({
    columns: ["v"],
    points: Object.fromEntries(points.map((at) => [String(at * 1000), [1]])),
    gaps: gaps as Record<string, string>,
  });
  return made;
}

test("of several causes in a gap the nearest one is told", () => {
  const { causes } = ring([1, 9], { 3000: NOBODY, 7000: "this server was not running" });
  expect(causes.nearest(4, 1, 9)).toBe(NOBODY);
  expect(causes.nearest(6, 1, 9)).toBe("this server was not running");
  expect(causes.nearest(6, 1, 5)).toBe(NOBODY);
  expect(causes.nearest(6, 3.5, 5)).toBeUndefined();
});

test("an instant in a gap has it, one beside it has none", () => {
  const { causes } = ring([1, 9], { 3000: NOBODY });
  expect(gapAt(5, [[1, 9]], causes)).toEqual({ from: 1, to: 9, cause: NOBODY });
  expect(gapAt(9, [[1, 9]], causes)).toBeUndefined();
  expect(gapAt(5, [[1, 9]], undefined)?.cause).toBeUndefined();
});

test("the words name the stretch and the cause, or that it isn't known", () => {
  expect(gapWords({ from: 0, to: 12, cause: NOBODY })).toMatch(/^No data \d\d:\d\d:00 to \d\d:\d\d:12, 12 s: no program was running$/);
  expect(gapWords({ from: 0, to: 12, cause: undefined })).toMatch(/: why is not known$/);
});

test("at the ends of a stretch causes alone make the gap", () => {
  const made = ring([5, 6], { 2000: NOBODY, 3000: NOBODY, 8000: NOBODY });
  expect(made.window(0, 10, 1).gaps).toEqual([[1, 4], [6, 9]]);
  expect(ring([], { 2000: NOBODY, 3000: NOBODY }).window(0, 10, 1).gaps).toEqual([[1, 4]]);
});

test("an instant with a point and a cause is not complete", () => {
  const made = ring([1, 2, 3], { 2000: "3 frames of worker are missing", 7000: NOBODY });
  expect(made.incomplete(0, 10)).toEqual([2]);
});

test("a cause that only left the server's window stays; one that is taken back within it goes", () => {
  const causes = new GapCauses();
  causes.take({ 1000: NOBODY, 50000: NOBODY });
  causes.take({ 1000: null, 61000: NOBODY });
  expect(causes.within(0, 100)).toEqual([1, 50, 61]);
  causes.take({ 50000: null }, 62);
  expect(causes.within(0, 100)).toEqual([1, 61]);
});

test("as many causes are kept as points", () => {
  const causes = new GapCauses(3);
  causes.take(Object.fromEntries([1, 2, 3, 4, 5].map((at) => [String(at * 1000), NOBODY])));
  expect(causes.within(0, 10)).toEqual([3, 4, 5]);
});

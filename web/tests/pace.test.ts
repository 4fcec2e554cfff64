import { expect, test } from "vitest";
import { isSlow, largestSelf, where } from "../src/core/answers";
import { pace } from "../src/core/pace";

const named = (count: number, total_s: number, self_s = total_s) => ({ count, total_s, self_s });

test("a name is compared with itself: another mix of actions is no slowdown", () => {
  const before = { fast: named(1000, 10), slow: named(100, 100) };
  const after = { fast: named(1000, 10), slow: named(200, 200) };
  const compared = pace([
    { at: 0, names: before },
    { at: 60, names: after },
  ]);
  expect(compared?.ratio).toBeCloseTo(1);
});

test("calls that take 1.6 times what they took before are 1.6 times slower, and named", () => {
  const compared = pace([
    { at: 0, names: { embed: named(100, 10), other: named(100, 1) } },
    { at: 60, names: { embed: named(200, 26), other: named(110, 1.1) } },
  ]);
  expect(isSlow(compared, { total_actions: 310 }, 1, 60).text).toBe("1.6 × slower");
  expect(where(compared, undefined).text).toBe("embed");
});

test("with too few calls before there is no verdict", () => {
  const compared = pace([
    { at: 0, names: { embed: named(3, 1) } },
    { at: 60, names: { embed: named(50, 100) } },
  ]);
  expect(compared?.ratio).toBeUndefined();
  expect(isSlow(compared, { total_actions: 50 }, 1, 60).text).toBe("Too early to tell");
});

test("a page that has just opened can't compare yet and says so", () => {
  expect(pace([{ at: 0, names: { a: named(10, 1) } }])).toBeUndefined();
  expect(isSlow(undefined, { total_actions: 10 }, 1, 0).text).toBe("Comparing");
});

test("when no source is alive nothing can be slow, whatever the sums say", () => {
  const answer = isSlow(undefined, { total_actions: 10, updated_at: 50 }, 0, 60);
  expect(answer.text).toBe("Nothing runs");
});

test("sums that shrink, when an old source is forgotten, are left out", () => {
  const compared = pace([
    { at: 0, names: { a: named(100, 10), b: named(100, 10) } },
    { at: 60, names: { a: named(50, 5), b: named(120, 12) } },
  ]);
  expect(compared?.names.map((entry) => entry.name)).toEqual(["b"]);
});

test("the largest self time since start answers where, before a window is there", () => {
  expect(largestSelf({ a: named(1, 9, 1), b: named(1, 3, 3) })).toEqual(["b", 0.75]);
  expect(largestSelf({})).toEqual([undefined, 0]);
});

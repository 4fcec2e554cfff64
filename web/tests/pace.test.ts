import { expect, test } from "vitest";
import { comparedWith, isSlow, largestSelf, where } from "../src/core/answers";
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

test("a page that has just opened can't compare means yet and says so", () => {
  const compared = pace([{ at: 0, names: { a: named(100, 10) } }]);
  expect(isSlow(compared, { total_actions: 100 }, 1, 0).text).toBe("Comparing");
  expect(comparedWith(compared).text).toBe("Nothing yet");
  expect(isSlow(undefined, { total_actions: 10 }, 1, 0).text).toBe("Comparing");
});

const tailed = (count: number, p95: number, rate: number, recent_p95: number) => ({ count, p95, rate, recent_p95, total_s: count * p95 });

test("with calls enough for a p95, a page that has just opened answers, and says what it compares", () => {
  const compared = pace([{ at: 0, names: { embed: tailed(100, 0.1, 30, 0.2) } }]);
  const slow = isSlow(compared, { total_actions: 100 }, 1, 0);
  expect(slow).toMatchObject({ text: "2.0 × slower", evidence: "p95 200 ms, since start 100 ms" });
  expect(where(compared, undefined).text).toBe("embed");
  expect(comparedWith(compared)).toEqual({ text: "Since start", evidence: "100 actions up to now" });
});

test("from a minute on the p95 that stood a minute ago is compared, in which the minute has no part", () => {
  const compared = pace([
    { at: 0, names: { embed: tailed(100, 0.1, 30, 0.1) } },
    { at: 60, names: { embed: tailed(200, 0.16, 100, 0.2) } },
  ]);
  expect(compared?.ratio).toBeCloseTo(2);
  expect(isSlow(compared, { total_actions: 200 }, 1, 60).evidence).toBe("p95 200 ms, before 100 ms");
  expect(comparedWith(compared)).toEqual({ text: "All before", evidence: "100 actions until 1 min ago" });
});

test.each([
  ["now", tailed(100, 0.1, 19, 0.2)],
  ["before", tailed(49, 0.1, 30, 0.2)],
])("fewer than 20 calls %s make no p95 to compare", (_when, figures) => {
  expect(pace([{ at: 0, names: { embed: figures } }])?.names.filter((one) => one.by === "p95")).toEqual([]);
});

test("of several names each is weighed by its calls, and how many are slower is said", () => {
  const names = { embed: tailed(200, 0.1, 100, 0.2), read: tailed(200, 0.1, 100, 0.1) };
  const compared = pace([{ at: 0, names }]);
  expect(compared?.ratio).toBeCloseTo(1.5);
  expect(isSlow(compared, { total_actions: 400 }, 1, 0).evidence).toBe("p95: 1 of 2 slower");
  expect(where(compared, undefined)).toMatchObject({ text: "embed", evidence: "p95 200 ms, since start 100 ms" });
});

test("a name with few calls is compared by its mean, and has no say in the verdict on the others", () => {
  const compared = pace([
    { at: 0, names: { embed: tailed(100, 0.1, 30, 0.1), report: { ...named(30, 30), rate: 6 } } },
    { at: 60, names: { embed: tailed(200, 0.1, 100, 0.1), report: { ...named(36, 60), rate: 6 } } },
  ]);
  expect(compared?.ratio).toBeCloseTo(1);
  expect(compared?.names.find((one) => one.name === "report")).toMatchObject({ by: "mean", ratio: 5, slower: true });
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

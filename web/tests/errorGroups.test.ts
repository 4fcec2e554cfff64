import { expect, test } from "vitest";
import { errorGroups } from "../src/core/errorGroups";

test("equal errors stand together with their number, the newest of all first", () => {
  const groups = errorGroups({
    "s:1": { at: 1, error: "KeyError: 'a'", trace: "here" },
    "s:2": { at: 2, error: "OSError: full" },
    "s:3": { at: 3, error: "KeyError: 'a'", trace: "here" },
  });
  expect(groups.map(({ error, all }) => [error, all.map(({ id }) => id)])).toEqual([
    ["KeyError: 'a'", ["s:3", "s:1"]],
    ["OSError: full", ["s:2"]],
  ]);
});

test("the same words from another place are another error", () => {
  const groups = errorGroups({
    "s:1": { at: 1, error: "KeyError: 'a'", trace: "here" },
    "s:2": { at: 2, error: "KeyError: 'a'", trace: "there" },
  });
  expect(groups).toHaveLength(2);
});

test("a group keeps its id when another one joins it", () => {
  const one = { "s:1": { at: 1, error: "E" } };
  const two = { ...one, "s:2": { at: 2, error: "E" } };
  expect(errorGroups(two)[0]?.id).toBe(errorGroups(one)[0]?.id);
});

test("without an exception it says so; without errors there are no groups", () => {
  expect(errorGroups({ "s:1": { at: 1 } })[0]?.error).toBe("failed without an exception");
  expect(errorGroups(undefined)).toEqual([]);
});

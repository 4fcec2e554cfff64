import { expect, test } from "vitest";
import type { Json } from "../src/core/json";
import { applyMergePatch } from "../src/core/mergePatch";

// The cases of RFC 7396, appendix A.
const CASES: [Json, Json, Json][] = [
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [["a", "b"], ["c", "d"], ["c", "d"]],
  [{ a: "b" }, ["c"], ["c"]],
  [{ a: "foo" }, null, null],
  [{ a: "foo" }, "bar", "bar"],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

test.each(CASES)("%j patched by %j is %j, as the RFC's table says", (target, patch, wanted) => {
  expect(applyMergePatch(target, patch)).toEqual(wanted);
});

test("the old value stays as it was, and what the patch leaves alone is shared", () => {
  const old = { kept: { a: 1 }, changed: { b: 1 } };
  const next = applyMergePatch(old, { changed: { b: 2 } }) as typeof old;
  expect(old).toEqual({ kept: { a: 1 }, changed: { b: 1 } });
  expect(next.kept).toBe(old.kept);
  expect(next.changed).not.toBe(old.changed);
});

test("a key named like the prototype is an ordinary key", () => {
  const patched = applyMergePatch({}, JSON.parse('{"__proto__": {"polluted": true}}') as Json);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  expect(patched).not.toHaveProperty("polluted");
});

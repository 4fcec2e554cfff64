import { expect, test } from "vitest";
import { staleSince } from "../src/core/freshness";
import type { Link } from "../src/core/live";

const link = (heardAt: number | undefined, state: Link["state"] = "live"): Link => ({
  state,
  heardAt,
  retryAt: undefined,
  roundTripMs: undefined,
  hello: undefined,
});

test("a value is old after three intervals without a newer one", () => {
  expect(staleSince(link(100), { updated_at: 97.5 }, 100, 1)).toBeUndefined();
  expect(staleSince(link(100), { updated_at: 96.5 }, 100, 1)).toBe(96.5);
});

test("when the server is not heard the figures are of when it was last heard", () => {
  expect(staleSince(link(90, "offline"), { updated_at: 89.9 }, 100, 1)).toBe(90);
});

test("a slower server is given the time of its own intervals", () => {
  expect(staleSince(link(80), { updated_at: 80 }, 100, 10)).toBeUndefined();
});

test("between two polls nothing counts as old", () => {
  expect(staleSince(link(95, "polling"), { updated_at: 95 }, 100, 1)).toBeUndefined();
});

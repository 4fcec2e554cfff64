import { expect, test } from "vitest";
import { TopicStore } from "../src/core/topicStore";

const atOnce = (flush: () => void) => flush();

test("a snapshot and the deltas after it give the value", () => {
  const store = new TopicStore(atOnce);
  store.snapshot("system", "e:1", { cpu_percent: 1, cores: 4 });
  expect(store.delta("system", "e:2", { cpu_percent: 2, cores: null })).toBe(true);
  expect(store.get("system")).toEqual({ cpu_percent: 2 });
  expect(store.positions().get("system")).toBe("e:2");
});

test("a delta without a value to apply it to is refused, not guessed", () => {
  const store = new TopicStore(atOnce);
  expect(store.delta("system", "e:2", { cpu_percent: 2 })).toBe(false);
  expect(store.get("system")).toBeUndefined();
});

test("readers hear once per flush, however many changes came", () => {
  const flushes: (() => void)[] = [];
  const store = new TopicStore((flush) => flushes.push(flush));
  let heard = 0;
  store.subscribe("system", () => (heard += 1));
  store.snapshot("system", "e:1", {});
  store.delta("system", "e:2", { a: 1 });
  store.delta("system", "e:3", { a: 2 });
  for (const flush of flushes) flush();
  expect(heard).toBe(1);
});

test("who took a subscription back hears nothing more", () => {
  const store = new TopicStore(atOnce);
  let heard = 0;
  const undo = store.subscribe("system", () => (heard += 1));
  undo();
  store.snapshot("system", "e:1", {});
  expect(heard).toBe(0);
});

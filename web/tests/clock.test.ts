import { expect, test } from "vitest";
import { ServerClock } from "../src/core/clock";

test("the least delayed message decides what time the server has", () => {
  let local = 1000;
  const clock = new ServerClock(() => local);
  clock.hear(1004.5);
  local = 1001;
  clock.hear(1003);
  expect(clock.now()).toBeCloseTo(1005.5);
});

test("before the server has said its time the local one counts", () => {
  expect(new ServerClock(() => 7).now()).toBe(7);
});

test("an old estimate is forgotten, so that a clock that is set is followed", () => {
  const clock = new ServerClock(() => 1000);
  clock.hear(1100);
  for (let i = 0; i < 40; i += 1) clock.hear(1001);
  expect(clock.offset).toBeCloseTo(1);
});

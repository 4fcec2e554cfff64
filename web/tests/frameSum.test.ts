import { expect, test } from "vitest";
import { frameSum, frameSumOf } from "../src/core/frameSum";

const parts = (sum: ReturnType<typeof frameSum>) => sum && sum.received + sum.missing + sum.onTheWay;

test("the parts add up to what was sent; dropped records are no frames", () => {
  const sum = frameSum({ sent: 100, received: 90, losses: { "missing frames": 7, "queue full": 1000 } });
  expect(sum).toEqual({ sent: 100, received: 90, missing: 7, onTheWay: 3 });
  expect(parts(sum)).toBe(100);
});

test("several together add up too; what is not known counts for nothing", () => {
  const sum = frameSumOf([{ sent: 10, received: 10 }, { sent: 5, received: 4, losses: { "missing frames": 1 } }, {}]);
  expect(sum).toEqual({ sent: 15, received: 14, missing: 1, onTheWay: 0 });
  expect(frameSumOf([{}])).toBeUndefined();
});

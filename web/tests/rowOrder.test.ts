import { expect, test } from "vitest";
import { RowOrder } from "../src/core/rowOrder";

const shown = (order: RowOrder, end: number) => Array.from({ length: end }, (_, i) => order.at(i));

test("free, a stretch stands as it came", () => {
  const order = new RowOrder();
  order.set(0, ["a", "b", "c"]);
  order.set(0, ["c", "a", "b"]);
  expect(shown(order, 3)).toEqual(["c", "a", "b"]);
  expect(order.placeOf("c")).toBe(0);
});

test("held, what has a place keeps it, and no name stands twice", () => {
  const order = new RowOrder();
  order.set(0, ["a", "b", "c"]);
  order.fill(0, ["c", "new", "a", "b", "d"]);
  expect(shown(order, 5)).toEqual(["a", "b", "c", "new", "d"]);
});

test("held, a place without a name left over stays empty until one comes", () => {
  const order = new RowOrder();
  order.set(0, ["a", "b"]);
  order.fill(2, ["a", "b", "c"]);
  expect(shown(order, 5)).toEqual(["a", "b", "c", undefined, undefined]);
  order.fill(2, ["x", "d", "e"]);
  expect(shown(order, 5)).toEqual(["a", "b", "c", "x", "d"]);
});

test("what is far away is forgotten, and a name that moved keeps its new place", () => {
  const order = new RowOrder();
  order.set(0, ["a", "b"]);
  order.set(100, ["b", "c"]);
  order.keep(50, 200);
  expect(order.at(0)).toBeUndefined();
  expect(order.placeOf("a")).toBeUndefined();
  expect(order.placeOf("b")).toBe(100);
});

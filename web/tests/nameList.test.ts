import { beforeEach, expect, test } from "vitest";
import { NameList, type LoadNames, type NamesAnswer } from "../src/core/nameList";
import { nameQuery } from "../src/core/nameQuery";
import { namesFrom } from "../src/core/nameSource";
import { FakeWorld } from "../src/core/testing";

let world: FakeWorld;
let asked: { offset: number; limit: number; search: string }[];
let names: string[];
let fails: boolean;
let list: NameList;

const query = (search = "") => nameQuery("action", new URLSearchParams(search));

const load: LoadNames = (wanted, offset, limit) => {
  asked.push({ offset, limit, search: wanted.search });
  if (fails) return Promise.reject(new Error("down"));
  const found = names.filter((name) => name.includes(wanted.search));
  const items = found.slice(offset, offset + limit).map((name) => ({ name, count: asked.length }));
  return Promise.resolve({ items, matching: found.length, total: names.length } satisfies NamesAnswer);
};

/** What is asked is answered within a tenth of a second, and then a second goes by. */
async function settle(): Promise<void> {
  for (const seconds of [0.1, 1]) {
    world.pass(seconds);
    for (let i = 0; i < 20; i += 1) await Promise.resolve();
  }
}

const shown = (first: number, end: number) =>
  Array.from({ length: end - first }, (_, i) => list.rowAt(first + i)?.row.name);

beforeEach(async () => {
  world = new FakeWorld();
  asked = [];
  fails = false;
  names = Array.from({ length: 10_000 }, (_, i) => `name ${String(i).padStart(5, "0")}`);
  list = new NameList(load, world);
  list.ask(query());
  await settle();
});

test("of ten thousand names only what is looked at is loaded", async () => {
  expect(list.state.matching).toBe(10_000);
  expect(asked[0]?.limit).toBeLessThanOrEqual(100);
  list.show(5000, 5030);
  await settle();
  expect(shown(5000, 5002)).toEqual(["name 05000", "name 05001"]);
  expect(asked.at(-1)?.limit).toBeLessThanOrEqual(150);
});

test("what was seen far away is let go, so that a long way down costs no memory", async () => {
  for (let first = 0; first < 9000; first += 500) {
    list.show(first, first + 30);
    await settle();
  }
  expect(list.rowAt(0)).toBeUndefined();
  expect(list.rowAt(8500)?.row.name).toBe("name 08500");
});

test("free, rows follow the new order with each look", async () => {
  names.reverse();
  list.refresh();
  await settle();
  expect(shown(0, 2)).toEqual(["name 09999", "name 09998"]);
});

test("held, rows stay in their places while their figures go on", async () => {
  list.hold(true);
  const before = list.rowAt(0)?.row.count;
  names = [names[3] ?? "", ...names.filter((_, i) => i !== 3)];
  list.refresh();
  await settle();
  expect(shown(0, 4)).toEqual(["name 00000", "name 00001", "name 00002", "name 00003"]);
  expect(list.rowAt(0)?.row.count).toBeGreaterThan(before ?? Infinity);
  list.hold(false);
  await settle();
  expect(shown(0, 2)).toEqual(["name 00003", "name 00000"]);
});

test("held, a row that has moved away is old, and says so", async () => {
  list.hold(true);
  names = [...names.slice(1), names[0] ?? ""];
  world.pass(1);
  list.refresh();
  await settle();
  expect(list.rowAt(0)).toMatchObject({ old: true, row: { name: "name 00000" } });
  expect(list.rowAt(1)).toMatchObject({ old: false, row: { name: "name 00001" } });
});

test("paused, what is known stays, and only what isn't is loaded", async () => {
  list.pause(true);
  const before = asked.length;
  list.refresh();
  await settle();
  expect(asked).toHaveLength(before);
  list.show(700, 730);
  await settle();
  expect(shown(700, 701)).toEqual(["name 00700"]);
});

test("another question keeps the rows until it is answered, and the old answer is not taken", async () => {
  list.refresh();
  list.ask(query("q=00077"));
  expect(list.waiting).toBe(true);
  expect(shown(0, 1)).toEqual(["name 00000"]);
  await settle();
  expect(list.waiting).toBe(false);
  expect(list.state.matching).toBe(1);
  expect(shown(0, 2)).toEqual(["name 00077", undefined]);
});

test("the same question asks nothing anew", async () => {
  const before = asked.length;
  list.ask(query("dir=down"));
  await settle();
  expect(asked).toHaveLength(before);
});

test("a server that fails leaves the rows and is asked again with the next tick", async () => {
  fails = true;
  list.refresh();
  await settle();
  expect(list.state.failed).toBe(true);
  expect(shown(0, 1)).toEqual(["name 00000"]);
  const before = asked.length;
  await settle();
  expect(asked).toHaveLength(before);
  fails = false;
  list.refresh();
  await settle();
  expect(list.state.failed).toBe(false);
});

test("a server without the route is asked once, then the topic's names answer", async () => {
  const urls: string[] = [];
  const source = namesFrom({
    request: (path) => {
      urls.push(path);
      return Promise.resolve(new Response("", { status: 404 }));
    },
    topicNames: () => ({ names: { b: { self_s: 1 }, a: { self_s: 2 } }, total: 7 }),
  });
  const signal = new AbortController().signal;
  await source(query(), 0, 50, signal);
  const answer = await source(query(), 0, 50, signal);
  expect(urls).toEqual(["/api/names"]);
  expect(answer).toMatchObject({ matching: 2, total: 7, self_s: 3 });
  expect(answer.items.map(({ name }) => name)).toEqual(["a", "b"]);
});

test("a server that takes long is asked less often, and at once for what isn't known", async () => {
  const slow: (() => void)[] = [];
  list = new NameList((...given) => new Promise((done) => slow.push(() => void load(...given).then(done))), world);
  list.ask(query());
  world.pass(1);
  world.pass(2);
  slow.shift()?.();
  await settle();
  list.refresh();
  expect(slow).toHaveLength(0);
  list.show(4000, 4030);
  world.pass(1);
  expect(slow).toHaveLength(1);
  slow.shift()?.();
  await settle();
  world.pass(10);
  list.refresh();
  expect(slow).toHaveLength(1);
});

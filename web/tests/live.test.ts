import { beforeEach, expect, test } from "vitest";
import type { JsonObject } from "../src/core/json";
import { Live } from "../src/core/live";
import { FakeWorld } from "../src/core/testing";

let world: FakeWorld;
let live: Live;
let asked: string[];
let answer: (url: string) => Response;

const COLUMNS = ["cpu_percent", "memory_mb", "thread_count", "process_count"];
const point = (ms: number, cpu: number) => ({ [String(ms)]: [cpu, 512, 41, 6] });

/** Lets promises that are due run: the fake answers need a few rounds. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
}

function snapshot(topic: string, pos: string, value: JsonObject): void {
  world.socket.say({ type: "snapshot", topic, pos, value });
}

beforeEach(() => {
  world = new FakeWorld();
  asked = [];
  answer = () => new Response("", { status: 503 });
  live = new Live({
    project: "photos",
    origin: "ws://server",
    fetch: (url) => {
      asked.push(url);
      return Promise.resolve(answer(url));
    },
    schedule: (flush) => flush(),
    around: world,
  });
  live.start();
});

function hello(): void {
  world.socket.say({ type: "hello", now: world.seconds, interval_s: 1, epoch: "k3v9" });
}

test("a pong draws nothing: no ring changes, no value, and not the age of the data", () => {
  hello();
  snapshot("system", "k3v9:1", { cpu_percent: 12, columns: COLUMNS, points: point(1000, 12) });
  const versions = Object.values(live.points).map((ring) => ring.version);
  const value = live.topics.get("system");
  const { heardAt } = live.link;
  world.pass(2);
  world.socket.say({ type: "pong", now: world.seconds });
  expect(Object.values(live.points).map((ring) => ring.version)).toEqual(versions);
  expect(live.topics.get("system")).toBe(value);
  expect(live.link.heardAt).toBe(heardAt);
});

test("a delta brings one point; the one that left the window stays with the page", () => {
  hello();
  snapshot("system", "k3v9:1", { columns: COLUMNS, points: { ...point(1000, 1), ...point(2000, 2) } });
  const value = { points: { "1000": null, ...point(3000, 3) } };
  world.socket.say({ type: "delta", topic: "system", pos: "k3v9:2", value });
  expect(live.points.system.window(0, 10, 1).columns[0]).toEqual([1, 2, 3]);
  expect(Object.keys(live.topics.get("system")?.points ?? {})).toEqual(["2000", "3000"]);
});

test("it comes back with the positions it has, and asks for its project", () => {
  hello();
  snapshot("system", "k3v9:7", { cores: 4 });
  snapshot("sources", "k3v9:9", { total: 0 });
  world.socket.fail();
  expect(live.link.state).toBe("reconnecting");
  world.pass(0.5);
  const query = new URL(world.socket.url).searchParams;
  expect(query.get("since")).toBe("system:k3v9:7,sources:k3v9:9");
  expect(query.get("project")).toBe("photos");
  expect(query.get("topics")).toBe("system,actions,events,sources");
});

test("after a resume the value is that of snapshot and all deltas, and the gap is filled", () => {
  hello();
  snapshot("system", "k3v9:1", { cores: 4, columns: COLUMNS, points: point(1000, 1) });
  world.socket.fail();
  world.pass(0.5);
  hello();
  const value = { cores: 8, points: { ...point(2000, 2), ...point(3000, 3) } };
  world.socket.say({ type: "delta", topic: "system", pos: "k3v9:3", value });
  expect(live.link.state).toBe("live");
  expect(live.topics.get("system")?.cores).toBe(8);
  expect(live.points.system.window(0, 10, 1).gaps).toEqual([]);
});

test("when the socket fails again and again it polls, and goes back to live by itself", async () => {
  hello();
  snapshot("system", "k3v9:1", { cores: 4 });
  answer = (url) =>
    url.startsWith("/api/topics/system")
      ? Response.json({ topic: "system", pos: "k3v9:2", delta: { cores: 8 } })
      : new Response(null, { status: 503 });
  for (const wait of [0.5, 1, 2]) {
    world.socket.fail();
    await settle();
    world.pass(wait);
  }
  await settle();
  expect(live.link.state).toBe("polling");
  expect(asked).toContain("/api/topics/system?since=k3v9%3A1&project=photos");
  expect(live.topics.get("system")?.cores).toBe(8);
  hello();
  expect(live.link.state).toBe("live");
  const before = asked.length;
  world.pass(10);
  await settle();
  expect(asked.length).toBe(before);
});

test("without WebSocket and without HTTP it says offline and keeps what it knew", async () => {
  hello();
  snapshot("system", "k3v9:1", { cores: 4 });
  for (const wait of [0.5, 1, 2]) {
    world.socket.fail();
    await settle();
    world.pass(wait);
  }
  await settle();
  expect(live.link.state).toBe("offline");
  expect(live.topics.get("system")).toEqual({ cores: 4 });
});

test("a refused handshake that HTTP explains with 401 is shown as refused", async () => {
  answer = () => new Response("", { status: 401 });
  world.socket.fail(1006);
  await settle();
  expect(live.link.state).toBe("denied");
  world.pass(600);
  expect(world.sockets).toHaveLength(1);
});

test("a delta for a topic without a value makes it ask for the whole", async () => {
  answer = () => Response.json({ topic: "system", pos: "k3v9:5", value: { cores: 4 } });
  hello();
  world.socket.say({ type: "delta", topic: "system", pos: "k3v9:5", value: { cores: 4 } });
  await settle();
  expect(asked).toEqual(["/api/topics/system?project=photos"]);
  expect(live.topics.get("system")).toEqual({ cores: 4 });
});

test("a tick renews the age though no value moved", () => {
  hello();
  world.pass(5);
  world.socket.say({ type: "tick", now: world.seconds });
  expect(live.link.heardAt).toBe(world.seconds);
});

test("ticks without a change say that nothing was called meanwhile", () => {
  hello();
  snapshot("actions", "k3v9:1", { names: { a: { count: 5, total_s: 1 } } });
  world.pass(3);
  world.socket.say({ type: "tick", now: world.seconds });
  expect(live.namesSeen).toHaveLength(2);
});

test("another topic is asked for when somebody follows it, and given up with the last", () => {
  hello();
  const first = live.follow("tasks");
  const second = live.follow("tasks");
  first();
  second();
  const sent = world.socket.sent.map((text) => (JSON.parse(text) as { type: string }).type);
  expect(sent).toEqual(["subscribe", "unsubscribe"]);
});

test("a name with commas and colons is asked for by message, and again after a break", () => {
  hello();
  live.follow("action/f(a, b): c");
  world.socket.fail();
  world.pass(0.5);
  const query = new URL(world.socket.url).searchParams;
  expect(query.get("topics")).toBe("system,actions,events,sources");
  hello();
  expect(world.socket.sent.map((text) => JSON.parse(text) as JsonObject)).toContainEqual({
    type: "subscribe",
    topics: ["action/f(a, b): c"],
  });
});

test("a followed source has points of its own, and is forgotten with its last reader", () => {
  hello();
  const undo = live.follow("source/x");
  snapshot("source/x", "k3v9:1", { columns: ["flush_s"], points: { "1000": [0.5] } });
  expect(live.ringOf("source/x")?.last("flush_s")).toBe(0.5);
  undo();
  snapshot("source/x", "k3v9:2", { columns: ["flush_s"], points: { "2000": [0.5] } });
  expect(live.ringOf("source/x")).toBeUndefined();
  expect(live.topics.get("source/x")).toBeUndefined();
});

test("why a point is missing comes with the deltas", () => {
  hello();
  snapshot("system", "k3v9:1", { columns: COLUMNS, points: point(1000, 1) });
  const value = { gaps: { "2000": "no program was running" } };
  world.socket.say({ type: "delta", topic: "system", pos: "k3v9:2", value });
  expect(live.points.system.causes.nearest(2, 1, 3)).toBe("no program was running");
});

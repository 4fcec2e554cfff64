import { beforeEach, expect, test } from "vitest";
import { Connection, PING_MS, SILENT_MS } from "../src/core/connection";
import { FakeWorld } from "../src/core/testing";

let world: FakeWorld;
let lost: [number, number, boolean][];
let denied: number;
let connection: Connection;

beforeEach(() => {
  world = new FakeWorld();
  lost = [];
  denied = 0;
  connection = new Connection(
    {
      url: () => "ws://server/ws",
      onMessage: () => undefined,
      onLost: (...how) => lost.push(how),
      onDenied: () => (denied += 1),
    },
    world,
  );
  connection.open();
});

test("after a failure it waits longer each time, and a success starts over", () => {
  world.socket.fail();
  world.pass(0.5);
  world.socket.fail();
  world.pass(1);
  world.socket.say({ type: "hello" });
  world.socket.fail();
  expect(lost.map(([attempt, waitMs]) => [attempt, waitMs])).toEqual([
    [1, 500],
    [2, 1000],
    [1, 500],
  ]);
  expect(lost.map(([, , hadBeenLive]) => hadBeenLive)).toEqual([false, false, true]);
});

test("it pings every 30 s and measures the way there and back", () => {
  world.socket.say({ type: "hello" });
  world.pass(1);
  world.seconds += 0.004;
  world.socket.say({ type: "pong" });
  expect(connection.roundTripMs).toBeCloseTo(4, 1);
  for (let s = 0; s < PING_MS / 1000; s += 1) {
    world.socket.say({ type: "tick", now: 1 });
    world.pass(1);
  }
  expect(world.socket.sent.filter((text) => text.includes("ping"))).toHaveLength(2);
});

test("a socket on which nothing is heard is given up and replaced", () => {
  world.socket.say({ type: "hello" });
  const first = world.socket;
  world.pass(SILENT_MS / 1000 + 1);
  expect(first.closed).toBe(true);
  expect(lost[0]?.[2]).toBe(true);
  expect(world.sockets.length).toBe(2);
});

test("what is sent while there is no connection goes out when there is one", () => {
  connection.send({ type: "subscribe", topics: ["mine"] });
  expect(world.socket.sent).toEqual([]);
  world.socket.say({ type: "hello" });
  expect(world.socket.sent[0]).toBe('{"type":"subscribe","topics":["mine"]}');
});

test("a refused token is the end: no other try", () => {
  world.socket.fail(4401);
  world.pass(600);
  expect(denied).toBe(1);
  expect(world.sockets).toHaveLength(1);
});

test("after close nothing happens any more", () => {
  const socket = world.socket;
  connection.close();
  socket.fail();
  world.pass(600);
  expect(world.sockets).toHaveLength(1);
  expect(lost).toEqual([]);
});

test("what is no message is passed over", () => {
  world.socket.onmessage?.({ data: "not JSON" });
  world.socket.onmessage?.({ data: "[1]" });
  expect(connection.isLive).toBe(false);
});

import { expect, test } from "vitest";
import { endOf, lossWords, lost, lostOf, programText, quoted, stateMeaning } from "../src/core/sources";

test("losses are told in words, the largest first, and an unknown reason as it came", () => {
  expect(lossWords({ "queue full": 2, "missing frames": 1200, sunspots: 1, "open spans": 0 })).toEqual([
    "1,200 frames that the source numbered and nobody received",
    "2 records came faster than they could be taken",
    "1: sunspots",
  ]);
  expect(lossWords(undefined)).toEqual([]);
});

test("what a program said is text, and what isn't text is left out instead of breaking the page", () => {
  expect(programText(["a", "b"])).toBe("a\nb");
  expect(programText("Traceback\n  boom")).toBe("Traceback\n  boom");
  for (const nothing of [undefined, null, "", [], [" "], 7, [{ text: "a" }]]) {
    expect(programText(nothing)).toBeUndefined();
  }
});

test("an exit code of 0 is an exit code; without one nothing is said", () => {
  expect(endOf({ id: "a", exit_code: 0 })).toBe("exit code 0");
  expect(endOf({ id: "a", signal: "SIGKILL", exit_code: -9 })).toBe("SIGKILL, exit code -9");
  expect(endOf({ id: "a" })).toBeUndefined();
});

test("every state has a sentence of its own", () => {
  const states = ["live", "silent", "ended", "failed", "terminated", "killed", undefined] as const;
  const said = states.map((state) => stateMeaning(state ? { id: "a", state, last_at: 50 } : { id: "a" }, 60));
  expect(new Set(said).size).toBe(states.length);
  expect(said[1]).toContain("10 s");
});

test("frames and records that were lost are two counts: of records no share of frames is made", () => {
  const mixed = { id: "a", lost: 1213, losses: { "missing frames": 1200, "queue full": 13 } };
  expect(lost(mixed)).toEqual({ frames: 1200, records: 13 });
  expect(lost({ id: "b", lost: 2 })).toEqual({ frames: 2, records: 0 });
  expect(lost({ id: "c" })).toBeUndefined();
  expect(lostOf([mixed, { id: "b", lost: 2 }, { id: "c" }])).toEqual({ frames: 1202, records: 13 });
  expect(lostOf([{ id: "c" }])).toBeUndefined();
});

test("a command can be pasted into a shell", () => {
  expect(["python", "-c", "print('a b')", ""].map(quoted).join(" ")).toBe("python -c 'print('\\''a b'\\'')' ''");
});

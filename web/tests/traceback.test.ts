import { expect, test } from "vitest";
import { traceParts } from "../src/core/traceback";

const TRACE = `Traceback (most recent call last):
  File "/home/me/shop/job.py", line 12, in load
    return json.loads(text)
           ~~~~~~~~~~^^^^^^
  File "/usr/lib/python3.11/json/__init__.py", line 346, in loads
    return _default_decoder.decode(s)
  File "/home/me/shop/.venv/lib/python3.11/site-packages/odd/x.py", line 3, in f
  File "<string>", line 1, in <module>
  File "<frozen runpy>", line 88, in _run_code
json.decoder.JSONDecodeError: Expecting value:
    line 1 column 1 (char 0)

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "C:\\\\work\\\\job.py", line 2, in g
ValueError: bad
`;

test("nothing of a traceback is left out, and it stays in its order", () => {
  const lines = traceParts(TRACE).flatMap((part) =>
    part.kind === "text"
      ? part.lines
      : [`  File "${part.file}", line ${part.line}, in ${part.call}`, ...part.lines],
  );
  expect(`${lines.join("\n")}\n`).toBe(TRACE);
});

test("the program's own calls are told from those of libraries and of Python", () => {
  const own = traceParts(TRACE).flatMap((part) => (part.kind === "frame" ? [part.own] : []));
  expect(own).toEqual([true, false, false, true, false, true]);
});

test("a source line and the marks below it belong to their call", () => {
  const [, first] = traceParts(TRACE);
  expect(first).toMatchObject({ kind: "frame", call: "load", line: 12 });
  expect(first?.lines).toHaveLength(2);
});

test("text that is no traceback is text", () => {
  expect(traceParts("boom")).toEqual([{ kind: "text", lines: ["boom"] }]);
});

import { expect, test } from "vitest";
import { forgetting } from "../src/core/forget";

const answers = (status: number, body: object = {}) => forgetting(() => Promise.resolve(Response.json(body, { status })), "robot");

test("forgotten is forgotten, also when somebody else was faster", async () => {
  expect(await answers(200, { forgotten: ["x"] })).toEqual({ done: true, words: "robot is forgotten" });
  expect(await answers(404)).toEqual({ done: true, words: "robot was forgotten already" });
});

test("a source that lives is kept, with what the server says of it", async () => {
  expect(await answers(409, { error: "robot is live" })).toEqual({
    done: false,
    words: "It lives, so it is kept. Robot is live.",
  });
});

test("whatever else happens is said in a sentence, and nothing is claimed", async () => {
  expect((await answers(403)).words).toContain("control");
  expect(await answers(500)).toEqual({ done: false, words: "The server answered 500. Nothing was forgotten." });
  const away = await forgetting(() => Promise.reject(new TypeError("fetch failed")), "robot");
  expect(away).toEqual({ done: false, words: "The server does not answer. Nothing was forgotten." });
});

import { expect, test } from "vitest";
import { nameQuery, namesFound, namesParams, sortedBy } from "../src/core/nameQuery";

const query = (search: string) => nameQuery("action", new URLSearchParams(search));

test("an address without anything asks where the time goes, most first", () => {
  expect(query("")).toEqual({ kind: "action", search: "", service: "", sort: "self_s", down: true });
});

test("an unknown column and an unknown direction are what stands there without them", () => {
  expect(query("sort=colour&dir=left")).toMatchObject({ sort: "self_s", down: true });
  expect(query("sort=name")).toMatchObject({ sort: "name", down: false });
  expect(query("sort=p95&dir=up")).toMatchObject({ sort: "p95", down: false });
});

test("the same column turns the order round, another begins with its own", () => {
  expect(sortedBy(query(""), "self_s")).toEqual({ sort: null, dir: "up" });
  expect(sortedBy(query("dir=up"), "self_s")).toEqual({ sort: null, dir: null });
  expect(sortedBy(query(""), "name")).toEqual({ sort: "name", dir: null });
  expect(sortedBy(query("sort=name"), "name")).toEqual({ sort: "name", dir: "down" });
  expect(sortedBy(query("sort=p99"), "p95")).toEqual({ sort: "p95", dir: null });
});

test("the server is asked for a page of it, and for nothing that is empty", () => {
  expect(namesParams(query("q=a%26b&sort=rate"), 50, 100).toString()).toBe(
    "kind=action&sort=rate&order=desc&offset=50&limit=100&search=a%26b",
  );
});

test("without the route the topic's names are searched, filtered and sorted the same way", () => {
  const names = {
    Load: { p95: 2, services: ["web"] },
    reload: { p95: 3, services: ["web", "job"] },
    upload: { services: ["web"] },
    save: { p95: 9, services: ["web"] },
  };
  const found = (search: string) => namesFound(names, query(search)).map(({ name }) => name);
  expect(found("q=LOAD&sort=p95")).toEqual(["reload", "Load", "upload"]);
  expect(found("q=LOAD&sort=p95&dir=up")).toEqual(["Load", "reload", "upload"]);
  expect(found("service=job")).toEqual(["reload"]);
  expect(found("sort=name")).toEqual(["Load", "reload", "save", "upload"]);
});

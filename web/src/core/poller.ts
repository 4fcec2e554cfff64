import { isObject, type JsonObject } from "./json";

export interface PollAnswer {
  readonly pos: string;
  readonly value?: JsonObject;
  readonly delta?: JsonObject;
}

export type PollResult =
  | { readonly kind: "changed"; readonly answer: PollAnswer }
  | { readonly kind: "same" }
  | { readonly kind: "denied" }
  | { readonly kind: "failed" };

export type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

/** Asks for topics over plain HTTP: the same deltas as over the socket, with ETag and 304. */
export class Poller {
  private readonly fetch: Fetch;
  private readonly tags = new Map<string, string>();

  constructor(fetch: Fetch) {
    this.fetch = fetch;
  }

  async ask(topic: string, since: string | undefined, project: string | null): Promise<PollResult> {
    const query = new URLSearchParams();
    if (since !== undefined) query.set("since", since);
    if (project !== null) query.set("project", project);
    const path = topic.split("/").map(encodeURIComponent).join("/");
    const tag = since === undefined ? undefined : this.tags.get(topic);
    const url = query.size ? `/api/topics/${path}?${query}` : `/api/topics/${path}`;
    try {
      const response = await this.fetch(url, {
        headers: tag === undefined ? {} : { "If-None-Match": tag },
        cache: "no-store",
      });
      return await this.read(topic, response);
    } catch {
      return { kind: "failed" };
    }
  }

  private async read(topic: string, response: Response): Promise<PollResult> {
    if (response.status === 304) return { kind: "same" };
    if (response.status === 401) return { kind: "denied" };
    if (!response.ok) return { kind: "failed" };
    const body: unknown = await response.json();
    if (!isObject(body) || typeof body.pos !== "string") return { kind: "failed" };
    const tag = response.headers.get("etag");
    if (tag !== null) this.tags.set(topic, tag);
    return { kind: "changed", answer: body as unknown as PollAnswer };
  }
}

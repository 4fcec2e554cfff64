import type { Socket, Surroundings } from "./connection";
import type { JsonObject } from "./json";

/** A socket in the test's hand. */
export class FakeSocket implements Socket {
  readonly sent: string[] = [];
  closed = false;
  onopen: (() => void) | null = null;
  onclose: ((closed: { code: number }) => void) | null = null;
  onmessage: ((message: { data: unknown }) => void) | null = null;
  onerror: (() => void) | null = null;
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(): void {
    this.closed = true;
  }

  say(message: JsonObject): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  fail(code = 1006): void {
    this.onclose?.({ code });
  }
}

/** Time that moves when told to, and sockets that do what they are told. */
export class FakeWorld implements Surroundings {
  readonly sockets: FakeSocket[] = [];
  seconds = 1_764_000_000;
  private timers: { due: number; run: () => void }[] = [];

  readonly openSocket = (url: string): FakeSocket => {
    const socket = new FakeSocket(url);
    this.sockets.push(socket);
    return socket;
  };
  readonly now = (): number => this.seconds;
  readonly random = (): number => 1;
  readonly after = (ms: number, run: () => void): (() => void) => {
    const timer = { due: this.seconds + ms / 1000, run };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  };

  get socket(): FakeSocket {
    const last = this.sockets.at(-1);
    if (last === undefined) throw new Error("no socket was opened");
    return last;
  }

  /** Let so many seconds pass; what is due runs in its order, each at its own time. */
  pass(seconds: number): void {
    const end = this.seconds + seconds;
    for (;;) {
      const next = this.timers.filter(({ due }) => due <= end).sort((a, b) => a.due - b.due)[0];
      if (next === undefined) break;
      this.timers = this.timers.filter((other) => other !== next);
      this.seconds = Math.max(this.seconds, next.due);
      next.run();
    }
    this.seconds = end;
  }
}

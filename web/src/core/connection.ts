import { backoffMs } from "./backoff";
import type { JsonObject } from "./json";
import { readMessage } from "./wire";

/** The part of a browser's WebSocket that is used here. */
export interface Socket {
  send(text: string): void;
  close(code?: number): void;
  onopen: (() => void) | null;
  onclose: ((closed: { code: number }) => void) | null;
  onmessage: ((message: { data: unknown }) => void) | null;
  onerror: (() => void) | null;
}

/** Time and chance as arguments, so that a test can hold them. */
export interface Surroundings {
  readonly openSocket: (url: string) => Socket;
  readonly now: () => number;
  readonly after: (ms: number, run: () => void) => () => void;
  readonly random: () => number;
}

export const browser: Surroundings = {
  openSocket: (url) => new WebSocket(url) as unknown as Socket,
  now: () => Date.now() / 1000,
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  random: Math.random,
};

export interface ConnectionEvents {
  /** The address, asked anew before every try: it carries the positions to resume from. */
  url(): string;
  onMessage(message: JsonObject & { readonly type: string }): void;
  /** The first message has come: the connection works. */
  onLive?(): void;
  /** Lost or never made. `attempt` counts failures in a row, `waitMs` is the time to the next try. */
  onLost?(attempt: number, waitMs: number, hadBeenLive: boolean): void;
  /** Refused for want of a token (close code 4401): there will be no other try. */
  onDenied?(): void;
}

export const PING_MS = 30_000;
export const SILENT_MS = 15_000;
const QUEUED = 256;
const DENIED = 4401;

/**
 * One WebSocket that comes back by itself.
 *
 * Waits longer after each failure, pings every 30 s, gives up a socket on which nothing is heard
 * for a while, and keeps up to 256 messages to send until the connection is there.
 */
export class Connection {
  /** A socket on which nothing is heard for so long is given up. */
  silentMs = SILENT_MS;
  /** Milliseconds from the last ping to its pong; undefined until measured. */
  roundTripMs: number | undefined;
  private readonly events: ConnectionEvents;
  private readonly around: Surroundings;
  private socket: Socket | null = null;
  private live = false;
  private attempt = 0;
  private pingedAt: number | null = null;
  private cancels: (() => void)[] = [];
  private cancelSilence: () => void = () => undefined;
  private readonly queue: string[] = [];

  constructor(events: ConnectionEvents, around: Surroundings = browser) {
    this.events = events;
    this.around = around;
  }

  get isLive(): boolean {
    return this.live;
  }

  open(): void {
    this.drop();
    let socket: Socket;
    try {
      socket = this.around.openSocket(this.events.url());
    } catch {
      this.lost();
      return;
    }
    this.socket = socket;
    socket.onmessage = (message) => this.heard(String(message.data));
    socket.onclose = ({ code }) => this.closed(code);
    socket.onerror = null;
    this.watchSilence();
  }

  /** Stop for good; `open` starts anew. */
  close(): void {
    this.drop();
    this.attempt = 0;
  }

  /** Try now instead of when the wait is over. */
  retry(): void {
    if (!this.live) this.open();
  }

  send(message: JsonObject): void {
    const text = JSON.stringify(message);
    if (this.live && this.socket) this.socket.send(text);
    else if (this.queue.length < QUEUED) this.queue.push(text);
  }

  private heard(text: string): void {
    const message = readMessage(text);
    if (message === null) return;
    this.watchSilence();
    if (!this.live) this.nowLive();
    if (message.type === "pong" && this.pingedAt !== null) {
      this.roundTripMs = (this.around.now() - this.pingedAt) * 1000;
      this.pingedAt = null;
    }
    this.events.onMessage(message);
  }

  private nowLive(): void {
    this.live = true;
    this.attempt = 0;
    this.events.onLive?.();
    for (const text of this.queue.splice(0)) this.socket?.send(text);
    // Not at once: the page is busy drawing then, and would measure itself.
    this.cancels.push(this.around.after(1000, () => this.ping()));
  }

  private ping(): void {
    this.pingedAt = this.around.now();
    this.socket?.send('{"type":"ping"}');
    this.cancels.push(this.around.after(PING_MS, () => this.ping()));
  }

  private watchSilence(): void {
    this.cancelSilence();
    this.cancelSilence = this.around.after(this.silentMs, () => {
      this.drop(true);
      this.lost();
    });
  }

  private closed(code: number): void {
    this.socket = null;
    if (code === DENIED) {
      this.drop();
      this.events.onDenied?.();
      return;
    }
    this.lost();
  }

  private lost(): void {
    const hadBeenLive = this.live;
    this.drop();
    const waitMs = backoffMs(this.attempt, this.around.random);
    this.attempt += 1;
    this.cancels.push(this.around.after(waitMs, () => this.open()));
    this.events.onLost?.(this.attempt, waitMs, hadBeenLive);
  }

  private drop(keepLive = false): void {
    for (const cancel of this.cancels.splice(0)) cancel();
    this.cancelSilence();
    const socket = this.socket;
    this.socket = null;
    if (!keepLive) this.live = false;
    this.pingedAt = null;
    if (socket) {
      socket.onmessage = socket.onclose = socket.onopen = null;
      socket.close();
    }
  }
}

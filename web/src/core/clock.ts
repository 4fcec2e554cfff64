const KEPT = 32;

/**
 * The server's time, as far as this page can know it.
 *
 * A message is never received before it was sent, so of the differences seen the one that was
 * least delayed comes closest. `local` gives this machine's time in seconds since the epoch.
 */
export class ServerClock {
  private readonly local: () => number;
  private readonly seen: number[] = [];

  constructor(local: () => number = () => Date.now() / 1000) {
    this.local = local;
  }

  /** Note the server's `now` from a message that arrived this moment. */
  hear(serverNow: number): void {
    this.seen.push(serverNow - this.local());
    if (this.seen.length > KEPT) this.seen.shift();
  }

  /** Seconds to add to local time; 0 until the server has said what time it is. */
  get offset(): number {
    return this.seen.length ? Math.max(...this.seen) : 0;
  }

  now(): number {
    return this.local() + this.offset;
  }

  /** Forget: another server may go by another clock. */
  reset(): void {
    this.seen.length = 0;
  }
}

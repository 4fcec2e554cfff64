import { isObject, type JsonObject } from "./json";
import { patched } from "./mergePatch";

export type Undo = () => void;

/** One topic's newest value and where in its history that is. */
export interface TopicState {
  readonly value: JsonObject;
  readonly pos: string;
}

/**
 * The newest value of each topic. Readers are told at most once per flush.
 *
 * `schedule` decides when a flush comes: once per animation frame in a page, at once in tests.
 * Values are never changed in place: the same object means that nothing changed.
 */
export class TopicStore {
  private readonly states = new Map<string, TopicState>();
  private readonly readers = new Map<string, Set<() => void>>();
  private readonly changed = new Set<string>();
  private readonly schedule: (flush: () => void) => void;

  constructor(schedule: (flush: () => void) => void) {
    this.schedule = schedule;
  }

  get(topic: string): JsonObject | undefined {
    return this.states.get(topic)?.value;
  }

  /** `topic:pos` for each topic that has a value, as the server takes it back in `since=`. */
  positions(): Map<string, string> {
    return new Map([...this.states].map(([topic, state]) => [topic, state.pos]));
  }

  snapshot(topic: string, pos: string, value: JsonObject): void {
    this.states.set(topic, { value, pos });
    this.note(topic);
  }

  /** False when there is no value that the change could apply to: ask for a snapshot then. */
  delta(topic: string, pos: string, change: JsonObject): boolean {
    const state = this.states.get(topic);
    if (state === undefined || !isObject(change)) return false;
    this.states.set(topic, { value: patched(state.value, change), pos });
    this.note(topic);
    return true;
  }

  /** Nobody follows it any more: the value would only grow old. */
  forget(topic: string): void {
    this.states.delete(topic);
  }

  subscribe(topic: string, reader: () => void): Undo {
    const readers = this.readers.get(topic) ?? new Set();
    this.readers.set(topic, readers.add(reader));
    return () => {
      readers.delete(reader);
    };
  }

  private note(topic: string): void {
    if (this.changed.size === 0) this.schedule(() => this.flush());
    this.changed.add(topic);
  }

  private flush(): void {
    const topics = [...this.changed];
    this.changed.clear();
    for (const topic of topics) for (const reader of this.readers.get(topic) ?? []) reader();
  }
}

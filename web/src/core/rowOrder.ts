/**
 * Which name stands at which place of a list that is known in stretches.
 *
 * Free, each stretch is as it came. Held, what has a place keeps it: a stretch then only fills
 * places that are empty, with names that have none.
 */
export class RowOrder {
  private readonly names = new Map<number, string>();
  private readonly places = new Map<string, number>();

  at(place: number): string | undefined {
    return this.names.get(place);
  }

  placeOf(name: string): number | undefined {
    return this.places.get(name);
  }

  set(from: number, names: readonly string[]): void {
    names.forEach((name, i) => this.put(from + i, name));
  }

  fill(from: number, names: readonly string[]): void {
    const waiting = names.filter((name) => !this.places.has(name));
    for (let place = from; place < from + names.length && waiting.length; place += 1) {
      if (!this.names.has(place)) this.put(place, waiting.shift() ?? "");
    }
  }

  /** Keep the places from `first` to before `end` only, and nothing past the list's length. */
  keep(first: number, end: number): void {
    for (const [place, name] of this.names) {
      if (place >= first && place < end) continue;
      this.names.delete(place);
      if (this.places.get(name) === place) this.places.delete(name);
    }
  }

  clear(): void {
    this.names.clear();
    this.places.clear();
  }

  private put(place: number, name: string): void {
    const old = this.names.get(place);
    if (old !== undefined && this.places.get(old) === place) this.places.delete(old);
    this.names.set(place, name);
    this.places.set(name, place);
  }
}

import type { Link } from "./live";
import type { SystemTopic } from "./wire";

/** A value is old after so many intervals without a newer one. */
const INTERVALS = 3;

/** Since when this page has not heard from the server, or undefined while it does. */
export function unheardSince(link: Link, now: number, interval: number): number | undefined {
  const polls = link.state === "polling" ? INTERVALS * 2 : 0;
  const allowed = Math.max(INTERVALS * interval, INTERVALS) + polls;
  return link.heardAt !== undefined && now - link.heardAt > allowed ? link.heardAt : undefined;
}

/**
 * Since when the figures shown are not renewed any more, or undefined while they are fresh.
 *
 * Two things can stop: this page hears nothing from the server, or no source reports to it.
 */
export function staleSince(
  link: Link,
  system: SystemTopic | undefined,
  now: number,
  interval: number,
): number | undefined {
  const unheard = unheardSince(link, now, interval);
  if (unheard !== undefined) return unheard;
  const polls = link.state === "polling" ? INTERVALS * 2 : 0;
  const allowed = Math.max(INTERVALS * interval, INTERVALS) + polls;
  const newest = system?.updated_at;
  return newest !== undefined && now - newest > allowed ? newest : undefined;
}

import type { Link } from "./live";
import type { SystemTopic } from "./wire";

/** A value is old after so many intervals without a newer one. */
const INTERVALS = 3;

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
  const allowed = Math.max(INTERVALS * interval, INTERVALS);
  const polls = link.state === "polling" ? INTERVALS * 2 : 0;
  if (link.heardAt !== undefined && now - link.heardAt > allowed + polls) return link.heardAt;
  const newest = system?.updated_at;
  if (newest !== undefined && now - newest > allowed + polls) return newest;
  return undefined;
}

export interface BackoffLimits {
  readonly firstMs: number;
  readonly mostMs: number;
}

export const BACKOFF: BackoffLimits = { firstMs: 500, mostMs: 30_000 };

/**
 * How long to wait before try number `attempt` (the first is 0), in milliseconds.
 *
 * Doubles up to the most, then takes a random half of it away: after a server's restart its
 * pages must not come back all at once. `random` gives 0 to 1.
 */
export function backoffMs(
  attempt: number,
  random: () => number = Math.random,
  limits: BackoffLimits = BACKOFF,
): number {
  const whole = Math.min(limits.mostMs, limits.firstMs * 2 ** Math.min(attempt, 30));
  return whole * (0.5 + 0.5 * random());
}

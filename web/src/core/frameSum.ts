import { MISSING_FRAMES } from "./sources";

/** Frames that a source numbered, and what became of them: the parts add up to what was sent. */
export interface FrameSum {
  readonly sent: number;
  readonly received: number;
  readonly missing: number;
  /** Neither received nor given up: written, but not read yet. */
  readonly onTheWay: number;
}

interface Counted {
  readonly sent?: number;
  readonly received?: number;
  readonly losses?: Readonly<Record<string, number>>;
}

/** Undefined when the source has not said how many it sent. */
export function frameSum({ sent, received, losses }: Counted): FrameSum | undefined {
  if (sent === undefined || received === undefined) return undefined;
  const missing = losses?.[MISSING_FRAMES] ?? 0;
  return { sent, received, missing, onTheWay: Math.max(0, sent - received - missing) };
}

/** Of several together; undefined when none is known. */
export function frameSumOf(sources: readonly Counted[]): FrameSum | undefined {
  const known = sources.map(frameSum).filter((one) => one !== undefined);
  if (known.length === 0) return undefined;
  return known.reduce((all, one) => ({
    sent: all.sent + one.sent,
    received: all.received + one.received,
    missing: all.missing + one.missing,
    onTheWay: all.onTheWay + one.onTheWay,
  }));
}

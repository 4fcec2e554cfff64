/** The part of a long list that is in the document; the rest is room above and below it. */
export interface RowWindow {
  readonly first: number;
  /** One behind the last. */
  readonly end: number;
  /** Pixels of the rows that are left out. */
  readonly before: number;
  readonly after: number;
}

/** Rows beside the visible ones, so that a turn of the wheel finds them drawn. */
const BESIDE = 8;

/**
 * Which rows to draw of `count`, each `row` pixels high.
 *
 * `top` is how far the list's beginning lies above the upper edge of what is seen (negative: below
 * it), `height` how much is seen.
 */
export function rowWindow(count: number, row: number, top: number, height: number): RowWindow {
  const at = (pixels: number) => Math.min(count, Math.max(0, pixels));
  const first = at(Math.floor(top / row) - BESIDE);
  const end = Math.max(first, at(Math.ceil((top + height) / row) + BESIDE));
  return { first, end, before: first * row, after: (count - end) * row };
}

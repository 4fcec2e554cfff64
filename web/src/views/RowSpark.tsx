const HEIGHT = 18;
const STEP = 3;

/** Calls in each stretch of the last minute as bars, on the row's own scale. */
export function RowSpark({ counts }: { counts: readonly number[] | undefined }) {
  if (counts === undefined || counts.length === 0) return null;
  const most = Math.max(...counts);
  const width = counts.length * STEP;
  const bars = counts
    .map((n, i) => (n > 0 ? `M${i * STEP + 1} ${HEIGHT - 1}V${HEIGHT - 1 - Math.max(1, (n / most) * (HEIGHT - 2))}` : ""))
    .join("");
  return (
    <svg className="row-spark" viewBox={`0 0 ${width} ${HEIGHT}`} width={width} height={HEIGHT} aria-hidden="true">
      <path className="row-spark-base" d={`M0 ${HEIGHT - 0.5}H${width}`} />
      <path d={bars} />
    </svg>
  );
}

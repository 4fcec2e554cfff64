import { formatDuration, formatNumber, formatShort, NONE } from "../core/format";
import type { NamePace, Pace } from "../core/pace";
import type { NameFigures, Names } from "../core/wire";
import { Status } from "./Icon";
import { NameLink } from "./NameLink";

export interface NameRow {
  readonly name: string;
  readonly figures: NameFigures;
  /** Part of all self time since start, 0 to 1. */
  readonly share: number;
  readonly pace: NamePace | undefined;
  /** What it is compared with has the last 60 s in it too. */
  readonly sinceStart: boolean;
}

export type Column = "name" | "count" | "rate" | "p50" | "p95" | "p99" | "max" | "share" | "errors" | "pace";

/** One row per name, with what the columns need. */
export function nameRows(names: Names | undefined, compared: Pace | undefined): NameRow[] {
  const all = Object.entries(names ?? {});
  const self = all.reduce((total, [, figures]) => total + (figures.self_s ?? 0), 0);
  const paces = new Map(compared?.names.map((entry) => [entry.name, entry]));
  return all.map(([name, figures]) => ({
    name,
    figures,
    share: self > 0 ? (figures.self_s ?? 0) / self : 0,
    pace: paces.get(name),
    sinceStart: compared?.sinceStart ?? true,
  }));
}

const orders: Record<Column, (row: NameRow) => number | string> = {
  name: (row) => row.name.toLowerCase(),
  count: (row) => row.figures.count ?? -1,
  rate: (row) => row.figures.rate ?? -1,
  p50: (row) => row.figures.p50 ?? -1,
  p95: (row) => row.figures.p95 ?? -1,
  p99: (row) => row.figures.p99 ?? -1,
  max: (row) => row.figures.max ?? -1,
  share: (row) => row.share,
  errors: (row) => row.figures.errors ?? -1,
  pace: (row) => row.pace?.ratio ?? -1,
};

export function sorted(rows: readonly NameRow[], column: Column, down: boolean): NameRow[] {
  const order = orders[column];
  const sign = down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [order(a), order(b)];
    return x < y ? -sign : x > y ? sign : a.name.localeCompare(b.name);
  });
}

interface Head {
  readonly column: Column;
  readonly label: string;
  readonly title: string;
  /** Left out where there is little width. */
  readonly extra?: boolean;
  readonly text?: boolean;
}

const HEADS: readonly Head[] = [
  { column: "name", label: "Action", title: "Name", text: true },
  { column: "count", label: "Calls", title: "Calls since start", extra: true },
  { column: "rate", label: "per min", title: "Calls in the last 60 s", extra: true },
  { column: "p50", label: "p50", title: "Half of the calls were faster, ms", extra: true },
  { column: "p95", label: "p95", title: "95 % of the calls were faster, ms" },
  { column: "p99", label: "p99", title: "99 % of the calls were faster, ms", extra: true },
  { column: "max", label: "max", title: "Slowest call, ms", extra: true },
  { column: "share", label: "Self time, share", title: "Time in it and in nothing below it, of all", extra: true, text: true },
  { column: "errors", label: "Errors", title: "Calls that failed" },
  { column: "pace", label: "p95 vs before", title: "p95 of the last 60 s against the p95 of the same action before" },
];

interface Props {
  rows: readonly NameRow[];
  sort: Column;
  down: boolean;
}

/** Names with their exact figures; durations in ms. */
export function NamesTable({ rows, sort, down }: Props) {
  return (
    <table className="tb names">
      <thead>
        <tr>
          {HEADS.map((head) => (
            <th
              key={head.column}
              scope="col"
              className={`${head.text ? "" : "num"} ${head.extra ? "hm" : ""} c-${head.column}`}
              title={head.title}
              aria-sort={head.column !== sort ? undefined : down ? "descending" : "ascending"}
            >
              {mark(head, sort, down)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <NameLine key={row.name} row={row} />
        ))}
      </tbody>
    </table>
  );
}

function mark(head: Head, sort: Column, down: boolean): string {
  return head.column === sort ? `${head.label} ${down ? "↓" : "↑"}` : head.label;
}

function NameLine({ row }: { row: NameRow }) {
  const { figures } = row;
  return (
    <tr data-testid="action-row" data-name={row.name}>
      <td className="name" title={figures.services?.join(", ")}>
        <NameLink kind="action" name={row.name} className="quiet-link" />
      </td>
      <td className="num hm">{formatNumber(figures.count)}</td>
      <td className="num hm">{formatNumber(figures.rate)}</td>
      <td className="num hm">{ms(figures.p50)}</td>
      <td className="num v1">{ms(figures.p95)}</td>
      <td className="num hm">{ms(figures.p99)}</td>
      <td className="num hm">{ms(figures.max)}</td>
      <td className="hm c-share">
        <Share part={row.share} />
      </td>
      <td className={figures.errors ? "num crit" : "num"}>{formatNumber(figures.errors)}</td>
      <td className="num">
        <PaceCell row={row} />
      </td>
    </tr>
  );
}

export function Share({ part }: { part: number }) {
  return (
    <span className="share">
      <span className="bar">
        <i style={{ width: `${(part * 100).toFixed(1)}%` }} />
      </span>
      <span>{part > 0 && part < 0.01 ? "< 1 %" : `${Math.round(part * 100)} %`}</span>
    </span>
  );
}

function PaceCell({ row: { pace, sinceStart } }: { row: NameRow }) {
  if (pace?.ratio === undefined) {
    return <span className="dim" title="Too few calls in the last 60 s, or none before">{NONE}</span>;
  }
  const difference = Math.round((pace.ratio - 1) * 100);
  const text = difference === 0 ? "0 %" : `${difference > 0 ? "+" : "−"}${formatNumber(Math.abs(difference))} %`;
  const mean = pace.by === "mean";
  const before = mean || !sinceStart ? "before" : "since start, these 60 s too";
  const what = `${pace.by} ${formatDuration(pace.now_s)}, ${before} ${formatDuration(pace.before_s)}`;
  return (
    <span className="pace" title={mean ? `${what}; a p95 needs 20 calls now and before` : what}>
      {mean && <i>mean </i>}
      <span className={pace.slower ? "st-t warn" : undefined}>
        {pace.slower && <Status shape="warn" />}
        {text}
      </span>
    </span>
  );
}

function ms(seconds: number | undefined): string {
  return seconds === undefined ? NONE : formatShort(seconds * 1000);
}

import type { ReactNode } from "react";
import { formatDuration, formatNumber, formatShort, NONE } from "../core/format";
import type { NameSort } from "../core/nameQuery";
import { SLOWER } from "../core/pace";
import type { NameRow } from "../core/wire";
import { Status } from "./Icon";
import { Share } from "./NamesTable";
import { RowSpark } from "./RowSpark";

export interface NameColumn {
  readonly id: NameSort | "recent";
  readonly label: string;
  readonly title: string;
  /** Where it is left out: "hn" up to 760 pixels, "hm" to 1000, "hl" to 1280; nowhere while it sorts. */
  readonly extra?: "hn" | "hm" | "hl";
  readonly text?: boolean;
  /** `selfAll` is the self time of all names together, in seconds. */
  readonly cell: (row: NameRow, selfAll: number | undefined) => ReactNode;
}

export const NAME_COLUMNS: readonly NameColumn[] = [
  { id: "count", label: "Calls", title: "Calls since start", extra: "hm", cell: (row) => formatNumber(row.count) },
  { id: "rate", label: "per min", title: "Calls in the last 60 s", extra: "hn", cell: (row) => formatNumber(row.rate) },
  { id: "p50", label: "p50", title: "Half of the calls were faster, ms", extra: "hl", cell: (row) => ms(row.p50) },
  { id: "p95", label: "p95", title: "95 % of the calls since start were faster, ms", cell: (row) => ms(row.p95) },
  {
    id: "recent_p95",
    label: "p95, 60 s",
    title: "p95 of the last 60 s, ms; marked when it is a quarter or more above that since start",
    extra: "hm",
    cell: (row) => <Recent row={row} />,
  },
  { id: "p99", label: "p99", title: "99 % of the calls were faster, ms", extra: "hl", cell: (row) => ms(row.p99) },
  { id: "max", label: "max", title: "Slowest call, ms", extra: "hm", cell: (row) => ms(row.max) },
  {
    id: "errors",
    label: "Errors",
    title: "Calls that failed",
    cell: (row) => (row.errors ? <span className="crit">{formatNumber(row.errors)}</span> : formatNumber(row.errors)),
  },
  {
    id: "self_s",
    label: "Self time, share",
    title: "Time in it and in nothing that it calls, of that of all names",
    extra: "hm",
    text: true,
    cell: (row, selfAll) =>
      row.self_s === undefined || !selfAll ? <span className="dim">{NONE}</span> : <Share part={row.self_s / selfAll} />,
  },
  {
    id: "recent",
    label: "Last minute",
    title: "Calls in each 2 s of the last minute; every row has its own scale",
    extra: "hm",
    text: true,
    cell: (row) => <RowSpark counts={row.recent_counts} />,
  },
];

/** Fewer calls than these have no 95th of a hundred. */
const ENOUGH = 20;

function Recent({ row }: { row: NameRow }) {
  const { recent_p95, p95, rate } = row;
  if (recent_p95 === undefined) return <span className="dim" title="No call in the last 60 s">{NONE}</span>;
  const slower = p95 !== undefined && (rate ?? 0) >= ENOUGH && recent_p95 >= p95 * SLOWER;
  if (!slower) return ms(recent_p95);
  return (
    <span className="st-t warn" title={`slower: ${formatDuration(recent_p95)}, since start ${formatDuration(p95)}`}>
      <Status shape="warn" />
      <span className="sr">slower</span>
      {ms(recent_p95)}
    </span>
  );
}

function ms(seconds: number | undefined): string {
  return seconds === undefined ? NONE : formatShort(seconds * 1000);
}

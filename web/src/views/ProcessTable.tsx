import { useMemo, useState } from "react";
import { Sparkline, type SparkData } from "../charts/Sparkline";
import { sourceTopic } from "../charts/processSpecs";
import { formatBytes, formatDuration, formatNumber, formatShort, formatWhen, mebibytes, NONE } from "../core/format";
import type { Live } from "../core/live";
import { isAlive, lifetime } from "../core/sources";
import type { Source } from "../core/wire";
import { useShownNow, useTopic } from "../react/live";
import { shapeOf, Status } from "./Icon";

interface Column {
  readonly key: keyof Source;
  readonly label: string;
  readonly title: string;
  readonly format: (value: number) => string;
  /** Drawn over the last 60 s too. */
  readonly spark?: number;
  readonly extra?: "hm" | "hl";
}

const COLUMNS: readonly Column[] = [
  { key: "cpu_percent", label: "CPU, %", title: "Share of all cores", format: formatShort, spark: 100 },
  { key: "memory_mb", label: "Memory, MiB", title: "Resident", format: formatShort, spark: 1 },
  { key: "thread_count", label: "Threads", title: "Threads of all its processes", format: (v) => formatNumber(v), extra: "hm" },
  { key: "process_count", label: "Processes", title: "It and those it started that are no sources themselves", format: (v) => formatNumber(v), extra: "hl" },
  { key: "open_files", label: "Open files", title: "Open descriptors", format: (v) => formatNumber(v), extra: "hm" },
  { key: "read_bytes_per_s", label: "Read, /s", title: "From storage, per second", format: formatBytes, extra: "hl" },
  { key: "written_bytes_per_s", label: "Written, /s", title: "To storage, per second", format: formatBytes, extra: "hm" },
  { key: "loop_lag_s", label: "Loop lag", title: "By how much its event loop is behind", format: formatDuration, extra: "hm" },
  { key: "gc_pause_s", label: "GC pause", title: "Longest garbage collection of the last interval", format: formatDuration, extra: "hm" },
  { key: "own_cpu_percent", label: "Own cost, %", title: "What recording itself takes of one core", format: formatShort, extra: "hl" },
];

/** More of them would push the charts out of sight. */
const LISTED = 8;

/** A server serves so many topics to one page; the rest of the rows have figures alone. */
const DRAWN = 40;

interface Props {
  title: string;
  sources: readonly Source[];
  chosen: string | null;
  onChoose: (id: string) => void;
  /** They have ended: their last figures, and when that was. */
  past?: boolean;
}

/** One line per source; columns that nobody measures are left out. */
export function ProcessTable({ title, sources, chosen, onChoose, past = false }: Props) {
  const now = useShownNow();
  const [whole, setWhole] = useState(false);
  const listed = whole ? sources : sources.filter((source, i) => i < LISTED || source.id === chosen);
  const columns = COLUMNS.filter(({ key }) => sources.some((source) => source[key] !== undefined));
  if (sources.length === 0) {
    if (past) return null;
    return (
      <section className="sec">
        <div className="sec-h">
          <h2>{title}</h2>
        </div>
        <p className="quiet">
          <Status shape="idle" />
          No source is alive.
        </p>
      </section>
    );
  }
  return (
    <section className="sec">
      <div className="sec-h">
        <h2>{title}</h2>
        <span className="note">{past ? "last figures, kept for 24 h" : `lines over the last 60 s; ${NONE} is not measured`}</span>
      </div>
      <table className="tb processes">
        <thead>
          <tr>
            <th scope="col">Source</th>
            <th scope="col" className="hm">{past ? "Ended" : "Host, pid"}</th>
            {columns.map(({ key, label, title: about, extra, spark }) => (
              <th key={key} scope="col" title={about} className={`num ${extra ?? ""} ${spark && !past ? "c-spark" : ""}`}>
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {listed.map((source, i) => (
            <tr
              key={source.id}
              data-testid="system-row"
              data-source={source.id}
              className={[isAlive(source) ? "" : "past", source.id === chosen ? "chosen" : ""].join(" ").trim() || undefined}
            >
              <td className="name">
                <span className="st-t">
                  <Status shape={shapeOf(source.state)} />
                  <button aria-pressed={source.id === chosen} onClick={() => onChoose(source.id)}>
                    {source.service ?? source.id}
                    <span className="sr">, {source.state}</span>
                  </button>
                </span>
              </td>
              <td className="hm">
                {past
                  ? `${formatWhen(source.ended_at ?? source.last_at, now)}, ${lifetime(source, now)}`
                  : [source.host, source.pid].filter((part) => part !== undefined).join(", ")}
              </td>
              <Row source={source} columns={columns} drawn={!past && i < DRAWN} />
            </tr>
          ))}
        </tbody>
      </table>
      {listed.length < sources.length && (
        <button className="btn all" onClick={() => setWhole(true)}>
          Show all {formatNumber(sources.length)}
        </button>
      )}
    </section>
  );
}

function Row({ source, columns, drawn }: { source: Source; columns: readonly Column[]; drawn: boolean }) {
  return columns.map((column) => {
    const value = source[column.key];
    const known = typeof value === "number";
    return (
      <td key={column.key} className={`num ${column.extra ?? "v1"} ${known ? "" : "dim"}`} title={known ? about(column, value) : "not measured"}>
        {column.spark && drawn ? (
          <span className="with-spark">
            <Spark id={source.id} column={column.key} high={column.spark} />
            <span>{known ? column.format(value) : NONE}</span>
          </span>
        ) : known ? (
          column.format(value)
        ) : (
          NONE
        )}
      </td>
    );
  });
}

function about(column: Column, value: number): string | undefined {
  if (column.key !== "memory_mb") return undefined;
  const { value: size, unit } = mebibytes(value);
  return `${size} ${unit}`;
}

function Spark({ id, column, high }: { id: string; column: string; high: number }) {
  const topic = sourceTopic(id);
  useTopic(topic);
  const read = useMemo(
    () =>
      (live: Live, from: number, to: number): SparkData => {
        const ring = live.ringOf(topic);
        if (ring === undefined) return { times: [], values: [], gaps: [] };
        const { times, columns, gaps } = ring.window(from, to, live.interval);
        return { times, gaps, values: columns[ring.names.indexOf(column)] ?? [] };
      },
    [topic, column],
  );
  return <Sparkline read={read} high={high} />;
}

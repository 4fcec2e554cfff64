import { useCallback } from "react";
import { Link, useSearchParams } from "react-router";
import { formatNumber, formatShort, formatWhen } from "../core/format";
import { frameSumOf } from "../core/frameSum";
import { byInterest, isAlive, lifetime, lostOf, quoted } from "../core/sources";
import type { Source, SourcesTopic } from "../core/wire";
import { useShown, useShownNow } from "../react/live";
import { shapeOf, Status } from "./Icon";
import { Figures, PageHead } from "./PageHead";
import { clockWords, SourceDetails } from "./SourceDetails";
import { Lost } from "./SourceList";
import { Teach } from "./Teach";

/** Every process that reported in the last 24 h, and what became of its frames. */
export default function SourcesPage() {
  const topic = useShown("sources");
  const now = useShownNow();
  const [params, setParams] = useSearchParams();
  const q = params.get("q") ?? "";
  const chosen = params.get("source");
  const close = useCallback(() => {
    setParams((old) => without(old, "source"), { replace: true });
    // The way goes on from the row that was left.
    const row = chosen === null ? null : document.querySelector(`tr[data-source="${CSS.escape(chosen)}"] a`);
    if (row instanceof HTMLElement) row.focus();
  }, [setParams, chosen]);
  if (!topic?.total) return <Teach page="sources" />;
  const rows = byInterest(topic).filter((source) => matches(source, q.toLowerCase()));
  return (
    <>
      <PageHead title="Sources" note="those alive, and those that ended in the last 24 h" />
      {chosen !== null && (
        <SourceDetails id={chosen} source={topic.sources?.[chosen]} now={now} onClose={close} />
      )}
      <ServerLosses losses={topic.server_losses} />
      <Sum topic={topic} />
      <div className="filter">
        <input
          type="search"
          data-search="page"
          aria-label="Filter by service, project, host or state"
          placeholder="Filter by service, project, host or state"
          value={q}
          onChange={(event) =>
            setParams(
              (old) => {
                const next = without(old, "q");
                if (event.target.value) next.set("q", event.target.value);
                return next;
              },
              { replace: true },
            )
          }
        />
        <span className="mut t12">
          {formatNumber(rows.length)} of {formatNumber(topic.total)}
        </span>
      </div>
      <table className="tb sources">
        <thead>
          <tr>
            <th scope="col">Source</th>
            <th scope="col">State</th>
            <th scope="col" className="hm">Host</th>
            <th scope="col" className="num hm">pid</th>
            <th scope="col" className="hm">Started</th>
            <th scope="col" className="hm">Lifetime</th>
            <th scope="col" className="num hm">Sent</th>
            <th scope="col" className="num hm">Received</th>
            <th scope="col" className="num hm">Sampled</th>
            <th scope="col" className="num hm">Late</th>
            <th scope="col" className="num hl" title="What recording takes of one core">Own cost, %</th>
            <th scope="col" className="num">Lost</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((source) => (
            <Line key={source.id} source={source} now={now} chosen={source.id === chosen} params={params} />
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p className="quiet">No source matches “{q}”.</p>}
    </>
  );
}

/** What became of the frames: the parts add up to what was sent. */
function Sum({ topic }: { topic: SourcesTopic }) {
  const all = Object.values(topic.sources ?? {});
  const sum = frameSumOf(all);
  const gone = lostOf(all);
  const parts: [string, string, string?][] = [
    ["Live", `${formatNumber(topic.live)} of ${formatNumber(topic.total)}`],
    ["Frames sent", formatNumber(sum?.sent)],
    ["= received", formatNumber(sum?.received)],
    ["+ missing", formatNumber(sum?.missing), sum?.missing ? "crit" : undefined],
    ...(sum?.onTheWay ? ([["+ on their way", formatNumber(sum.onTheWay)]] as [string, string][]) : []),
    ["Late, of received", formatNumber(topic.late)],
    ["Records dropped", formatNumber(gone?.records), gone?.records ? "crit" : undefined],
    ["Left out on purpose", formatNumber(topic.sampled)],
  ];
  return <Figures wide items={parts} />;
}

/** What the server itself could not keep: nothing is dropped without a count. */
function ServerLosses({ losses }: { losses: SourcesTopic["server_losses"] }) {
  const all = Object.entries(losses ?? {}).filter(([, n]) => n > 0);
  if (all.length === 0) return null;
  return (
    <p className="note-line warn-line" role="status" data-testid="server-losses">
      <Status shape="warn" />
      This server dropped what it was told: {all.map(([reason, n]) => `${formatNumber(n)} × ${reason}`).join(", ")}.
    </p>
  );
}

function matches(source: Source, needle: string): boolean {
  const { id, service, project, host, pid, state } = source;
  return [id, service, project, host, pid, state].some((field) =>
    String(field ?? "").toLowerCase().includes(needle),
  );
}

function without(old: URLSearchParams, key: string): URLSearchParams {
  const next = new URLSearchParams(old);
  next.delete(key);
  return next;
}

interface LineProps {
  source: Source;
  now: number;
  chosen: boolean;
  params: URLSearchParams;
}

function Line({ source, now, chosen, params }: LineProps) {
  const search = without(params, "source");
  search.set("source", source.id);
  const ended = isAlive(source) ? "" : ` ${formatWhen(source.ended_at ?? source.last_at, now)}`;
  const losses = Object.entries(source.losses ?? {}).map(([reason, n]) => `${formatNumber(n)} ${reason}`);
  const details = [
    source.command?.map(quoted).join(" "),
    source.clock_offset_s !== undefined && `clock ${clockWords(source.clock_offset_s)}`,
    source.git_commit && `commit ${source.git_commit.slice(0, 8)}`,
    source.python && `Python ${source.python}`,
    source.sdk && `recorder ${source.sdk}`,
    ...losses,
  ].filter(Boolean);
  return (
    <tr data-testid="source-row" data-source={source.id} data-state={source.state} className={chosen ? "chosen" : undefined}>
      <td className="name">
        <Link to={{ search: search.toString() }} aria-current={chosen ? "true" : undefined}>
          {source.service ?? source.id}
        </Link>
        {source.project && <span className="dim"> {source.project}</span>}
        {details.length > 0 && (
          <small title={details.join(" · ")}>{details.join(" · ")}</small>
        )}
      </td>
      <td>
        <span className="st-t">
          <Status shape={shapeOf(source.state)} />
          {source.state}
          {ended}
        </span>
        {source.reason && <small>{source.reason}</small>}
      </td>
      <td className="hm">{source.host}</td>
      <td className="num hm">{source.pid}</td>
      <td className="hm">{formatWhen(source.started_at, now)}</td>
      <td className="hm">{lifetime(source, now)}</td>
      <td className="num hm">{formatNumber(source.sent)}</td>
      <td className="num hm">{formatNumber(source.received)}</td>
      <td className="num hm">{formatNumber(source.sampled)}</td>
      <td className="num hm">{formatNumber(source.late)}</td>
      <td className="num hl">{formatShort(source.own_cpu_percent)}</td>
      <td className="num">
        <Lost source={source} bare />
      </td>
    </tr>
  );
}

import { useCallback } from "react";
import { Link, useSearchParams } from "react-router";
import { formatNumber, formatWhen } from "../core/format";
import { byInterest, isAlive, lifetime, quoted } from "../core/sources";
import type { Source } from "../core/wire";
import { useShown, useShownNow } from "../react/live";
import { shapeOf, Status } from "./Icon";
import { Figures, PageHead } from "./PageHead";
import { SourceDetails } from "./SourceDetails";
import { Lost } from "./SourceList";
import { Teach } from "./Teach";

/** Every process that reported in the last 24 h, and what became of its frames. */
export function SourcesPage() {
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
      <Figures
        items={[
          ["Live", `${formatNumber(topic.live)} of ${formatNumber(topic.total)}`],
          ["Frames sent", formatNumber(topic.sent)],
          ["Received", formatNumber(topic.received)],
          ["Lost", formatNumber(topic.lost)],
          ["Late", formatNumber(topic.late)],
          ["Left out on purpose", formatNumber(topic.sampled)],
        ]}
      />
      <div className="filter">
        <input
          type="search"
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
      <td className="num">
        <Lost source={source} bare />
      </td>
    </tr>
  );
}

import { formatNumber, formatPercentage, formatWhen, NONE } from "../core/format";
import { byInterest, isAlive, lifetime } from "../core/sources";
import type { Source } from "../core/wire";
import { useShown, useShownNow } from "../react/live";
import { shapeOf, Status } from "./Icon";
import { PageLink } from "./PageLink";

const LISTED = 6;

/** Each process that reports, those alive first. */
export function SourceList() {
  const topic = useShown("sources");
  const now = useShownNow();
  const all = byInterest(topic);
  return (
    <section className="sec side-sources">
      <div className="sec-h">
        <h2>Sources</h2>
        <span className="note">
          {formatNumber(topic?.lost)} of {formatNumber(topic?.sent)} frames lost
        </span>
        <PageLink className="end link" to="/sources">
          All {formatNumber(all.length)}
        </PageLink>
      </div>
      <ul className="src">
        {all.slice(0, LISTED).map((source) => (
          <SourceItem key={source.id} source={source} now={now} />
        ))}
      </ul>
    </section>
  );
}

function SourceItem({ source, now }: { source: Source; now: number }) {
  const ended = isAlive(source) ? "" : ` ${formatWhen(source.ended_at ?? source.last_at, now)}`;
  return (
    <li data-testid="source-row" data-source={source.id} data-state={source.state}>
      <Status shape={shapeOf(source.state)} />
      <b>
        <PageLink to="/sources" source={source.id}>
          {source.service ?? source.id}
        </PageLink>
      </b>
      <span className="z">
        {source.state}
        {ended}
      </span>
      <i />
      <span className="d" title={source.reason}>
        {[source.host, source.pid, lifetime(source, now), source.reason].filter(Boolean).join(" · ")}
      </span>
      <Lost source={source} />
    </li>
  );
}

/** What was lost of what was sent, with its share as soon as there is any. */
export function Lost({ source, bare = false }: { source: Source; bare?: boolean }) {
  const { lost, sent } = source;
  const word = bare ? "" : "lost ";
  if (lost === undefined) return <span className="z dim">{bare ? NONE : "losses unknown"}</span>;
  if (lost === 0) return <span className="z dim">{word}0</span>;
  const share = sent ? `, ${formatPercentage((lost / sent) * 100)}` : "";
  return (
    <span className="z crit">
      {word}
      {formatNumber(lost)} of {formatNumber(sent)}
      {share}
    </span>
  );
}

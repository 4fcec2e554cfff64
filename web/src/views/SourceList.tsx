import { count, formatNumber, formatPercentage, formatWhen, NONE } from "../core/format";
import { byInterest, isAlive, lifetime, lost, lostOf } from "../core/sources";
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
  const gone = lostOf(all);
  return (
    <section className="sec side-sources">
      <div className="sec-h">
        <h2>Sources</h2>
        <span className="note">
          {gone === undefined ? "losses unknown" : `${lossText(gone, topic?.sent)} lost`}
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

/** What was lost: of the frames with their share, of the records their number. */
export function Lost({ source, bare = false }: { source: Source; bare?: boolean }) {
  const gone = lost(source);
  const word = bare ? "" : "lost ";
  if (gone === undefined) return <span className="z dim">{bare ? NONE : "losses unknown"}</span>;
  if (gone.frames + gone.records === 0) return <span className="z dim">{word}0</span>;
  return (
    <span className="z crit">
      {word}
      {lossText(gone, source.sent, true)}
    </span>
  );
}

/** "12 of 48,211, 0.02 %", "6 records", or both. */
export function lossText({ frames, records }: NonNullable<ReturnType<typeof lost>>, sent: number | undefined, share = false): string {
  const part = share && sent ? `, ${formatPercentage((frames / sent) * 100)}` : "";
  const parts = [
    frames || !records ? `${formatNumber(frames)} of ${formatNumber(sent)}${share ? "" : " frames"}${part}` : "",
    records ? count(records, "record") : "",
  ];
  return parts.filter(Boolean).join(" and ");
}

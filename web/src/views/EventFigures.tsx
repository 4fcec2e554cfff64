import { formatDuration, formatNumber, formatPercentage, formatShort } from "../core/format";
import { useShown } from "../react/live";
import { NameLink } from "./NameLink";
import { PageLink } from "./PageLink";

const LISTED = 5;

/** What came in and was handled: the same figures as for actions, for events. */
export function EventFigures() {
  const events = useShown("events");
  const handled = (events?.events_processed ?? 0) + (events?.events_failed ?? 0);
  if (events === undefined || handled === 0) return null;
  const names = Object.entries(events.names ?? {})
    .sort(([, a], [, b]) => (b.count ?? 0) - (a.count ?? 0))
    .slice(0, LISTED)
    // Counts overtake each other all the time; rows that change places can't be read.
    .sort(([a], [b]) => a.localeCompare(b));
  return (
    <section className="sec side-events" data-testid="events">
      <div className="sec-h">
        <h2>Events</h2>
        <span className="note">since start</span>
        <PageLink className="end link" to="/events">
          All {formatNumber(events.names_total ?? Object.keys(events.names ?? {}).length)}
        </PageLink>
      </div>
      <dl className="pairs">
        <div>
          <dt>Done</dt>
          <dd>{formatNumber(events.events_processed)}</dd>
        </div>
        <div>
          <dt>Failed</dt>
          <dd className={events.events_failed ? "crit" : undefined}>{formatNumber(events.events_failed)}</dd>
        </div>
        <div>
          <dt>Success</dt>
          <dd>{formatPercentage(events.success_rate)}</dd>
        </div>
        <div>
          <dt>Last 60 s</dt>
          <dd>{formatNumber(events.events_per_minute)}</dd>
        </div>
        <div>
          <dt>Mean</dt>
          <dd>{formatDuration(events.avg_processing_time)}</dd>
        </div>
        <div>
          <dt>p95, last 60 s</dt>
          <dd>{formatDuration(events.p95)}</dd>
        </div>
      </dl>
      {names.length > 0 && (
        <table className="tb">
          <thead>
            <tr>
              <th scope="col">Event</th>
              <th scope="col" className="num">Count</th>
              <th scope="col" className="num">p95, ms</th>
              <th scope="col" className="num">Failed</th>
            </tr>
          </thead>
          <tbody>
            {names.map(([name, figures]) => (
              <tr key={name}>
                <td className="name">
                  <NameLink kind="event" name={name} className="quiet-link" />
                </td>
                <td className="num">{formatNumber(figures.count)}</td>
                <td className="num v1">
                  {formatShort(figures.p95 === undefined ? undefined : figures.p95 * 1000)}
                </td>
                <td className={figures.errors ? "num crit" : "num"}>{formatNumber(figures.errors)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

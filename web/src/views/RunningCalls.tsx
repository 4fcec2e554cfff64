import { formatDuration, formatNumber } from "../core/format";
import type { NameKind, RunningCall } from "../core/wire";
import { useShownNow } from "../react/live";
import { Status } from "./Icon";
import { PageLink } from "./PageLink";

interface Props {
  kind: NameKind;
  running: Readonly<Record<string, RunningCall>> | undefined;
}

/** Calls of one name that have begun and not ended, longest first. */
export function RunningCalls({ kind, running }: Props) {
  const now = useShownNow(100);
  const all = Object.entries(running ?? {}).sort(([, a], [, b]) => a.since_at - b.since_at);
  return (
    <section className="sec" data-testid="running-calls">
      <div className="sec-h">
        <h2>Running now</h2>
        <span className="note">longest first</span>
        <span className="end">{all.length ? formatNumber(all.length) : ""}</span>
      </div>
      {all.length === 0 ? (
        <p className="quiet">
          <Status shape="idle" />
          {kind === "action" ? "It does not run at this moment" : "None is being handled at this moment"}
        </p>
      ) : (
        <ul className="running">
          {all.map(([id, call]) => (
            <li key={id}>
              <Status shape="live" />
              <b>
                <PageLink to="/sources" source={sourceOf(id)}>
                  {call.service ?? sourceOf(id)}
                </PageLink>
              </b>
              <span />
              <span className="z">{runningFor(now - call.since_at)}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** An id is "<source>:<span>", and a span's has no colon. */
export function sourceOf(id: string): string {
  return id.slice(0, id.lastIndexOf(":"));
}

/** Not below 0, though clocks differ a little; tenths while it is young. */
export function runningFor(seconds: number): string {
  const age = Math.max(0, seconds);
  return age < 10 ? `${age.toFixed(2)} s` : age < 60 ? `${age.toFixed(1)} s` : formatDuration(age);
}

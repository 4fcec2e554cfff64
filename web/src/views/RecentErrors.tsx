import { useState } from "react";
import { errorGroups, type ErrorGroup, type ListedError } from "../core/errorGroups";
import { formatDuration, formatNumber, formatWhen } from "../core/format";
import type { NameKind, RecentError } from "../core/wire";
import { Icon, Status } from "./Icon";
import { PageLink } from "./PageLink";
import { sourceOf } from "./RunningCalls";
import { Traceback } from "./Traceback";

interface Props {
  kind: NameKind;
  errors: Readonly<Record<string, RecentError>> | undefined;
  /** All that were counted since start. */
  total: number | undefined;
  now: number;
}

/** The newest errors of one name, equal ones together; each opens what is known of it. */
export function RecentErrors({ kind, errors, total, now }: Props) {
  const groups = errorGroups(errors);
  const kept = Object.keys(errors ?? {}).length;
  return (
    <section className="sec errors" data-testid="recent-errors">
      <div className="sec-h">
        <h2>Recent errors</h2>
        <span className="note">
          {kept ? `newest first, equal ones together; ${kept === total ? "all" : `the last ${formatNumber(kept)} of ${formatNumber(total)}`}` : ""}
        </span>
      </div>
      {groups.length === 0 ? (
        <p className="quiet">
          <Status shape={total ? "idle" : "good"} />
          {total
            ? `${formatNumber(total)} failed, longer ago than details are kept.`
            : `Nothing has failed. An exception that leaves the ${kind} is shown here with its traceback.`}
        </p>
      ) : (
        <ul>
          {groups.map((group, i) => (
            <Group key={group.id} group={group} now={now} number={i} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Group({ group, now, number }: { group: ErrorGroup; now: number; number: number }) {
  const [open, setOpen] = useState(false);
  const [newest] = group.all;
  return (
    <li data-testid="error-group">
      <button className="error-head" aria-expanded={open} aria-controls={`error-${number}`} onClick={() => setOpen(!open)}>
        <Icon name={open ? "down" : "right"} />
        <b title={group.error}>{group.error}</b>
        {group.all.length > 1 && <span className="times">{formatNumber(group.all.length)} ×</span>}
        <span className="when">{formatWhen(newest.at, now)}</span>
      </button>
      {open && (
        <div className="error-body" id={`error-${number}`}>
          {newest.trace ? <Traceback text={newest.trace} /> : <NoTrace error={group.error} />}
          <Occurrences all={group.all} now={now} />
        </div>
      )}
    </li>
  );
}

function NoTrace({ error }: { error: string }) {
  return (
    <p className="quiet">
      <code>{error}</code> No traceback was recorded: it was reported without an exception.
    </p>
  );
}

const LISTED = 5;

/** When, where and with what each of them happened. */
function Occurrences({ all, now }: { all: readonly ListedError[]; now: number }) {
  const [whole, setWhole] = useState(false);
  const told = all.some(({ attributes }) => Object.keys(attributes ?? {}).length > 0);
  return (
    <>
    <table className="tb">
      <thead>
        <tr>
          <th scope="col">When</th>
          <th scope="col">Source</th>
          <th scope="col" className="num">Duration</th>
          {told && <th scope="col" className="c-attributes">Attributes</th>}
        </tr>
      </thead>
      <tbody>
        {(whole ? all : all.slice(0, LISTED)).map((error) => (
          <tr key={error.id}>
            <td>{formatWhen(error.at, now)}</td>
            <td>
              <PageLink className="link" to="/sources" source={error.source ?? sourceOf(error.id)}>
                {error.service ?? error.source ?? sourceOf(error.id)}
              </PageLink>
            </td>
            <td className="num">{formatDuration(error.duration_s)}</td>
            {told && (
              <td className="attributes">
                <Attributes of={error.attributes} />
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
    {!whole && all.length > LISTED && (
      <button className="btn all" onClick={() => setWhole(true)}>
        Show all {formatNumber(all.length)}
      </button>
    )}
    </>
  );
}

function Attributes({ of }: { of: ListedError["attributes"] }) {
  const entries = Object.entries(of ?? {});
  if (entries.length === 0) return <span className="dim">none</span>;
  return entries.map(([key, value]) => (
    <span key={key} className="attribute">
      {key} <code>{typeof value === "string" ? value : JSON.stringify(value)}</code>
    </span>
  ));
}

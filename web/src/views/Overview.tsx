import { useState } from "react";
import { Tracks } from "../charts/Tracks";
import { TRACKS } from "../charts/trackSpecs";
import { formatNumber } from "../core/format";
import { pace } from "../core/pace";
import type { RunningAction } from "../core/wire";
import { useLive, usePaused, useShown, useShownNow } from "../react/live";
import { useStale } from "../react/stale";
import { Answers } from "./Answers";
import { Cards } from "./Cards";
import { Status } from "./Icon";
import { EventFigures } from "./EventFigures";
import { NamesTable, nameRows, sorted } from "./NamesTable";
import { NameLink } from "./NameLink";
import { PageLink } from "./PageLink";
import { runningFor } from "./RunningCalls";
import { StretchTitle } from "./StretchTitle";
import { SourceList } from "./SourceList";

export function Overview() {
  const stale = useStale();
  return (
    <div data-testid="overview">
      <h1 className="sr">Overview</h1>
      <Answers />
      <Cards stale={stale} />
      <div className="mid">
        <section className="sec tracks">
          <div className="sec-h">
            <StretchTitle />
            <span className="note">drag to zoom, Space to pause</span>
            <Now />
          </div>
          <Tracks specs={TRACKS} />
        </section>
        <div className="side">
          <Current />
          <SourceList />
          <EventFigures />
        </div>
      </div>
      <Slowest />
    </div>
  );
}

/** What the program does at this moment: the action that has been running longest. */
function Now() {
  const actions = useShown("actions");
  const now = useShownNow(100);
  const name = actions?.current_action;
  const since = Object.values(actions?.current ?? {})
    .filter((one) => one.name === name)
    .reduce((first, one) => Math.min(first, one.since_at), Infinity);
  return (
    <span className="end now" data-testid="current-action">
      Now: {name === undefined ? "no action runs" : <code>{name}</code>}
      {name !== undefined && Number.isFinite(since) && `, ${runningFor(now - since)}`}
    </span>
  );
}

const LISTED = 4;

/** Of one line in the list, as in the stylesheet. */
const ROW_PX = 27;

function Current() {
  const current = useShown("actions")?.current ?? {};
  const now = useShownNow(100);
  const all = Object.entries(current).sort(([, a], [, b]) => a.since_at - b.since_at);
  const rows = Math.max(1, Math.min(LISTED, all.length));
  // Actions come and go many times a second: the place keeps its height, or all below it would jump.
  const [most, setMost] = useState(rows);
  if (rows > most) setMost(rows);
  return (
    <section className="sec side-now" style={{ minHeight: 40 + 12 + most * ROW_PX }}>
      <div className="sec-h">
        <h2>Running now</h2>
        <span className="note">{all.length > LISTED ? `the longest ${LISTED}` : "longest first"}</span>
        <span className="end">{all.length ? formatNumber(all.length) : ""}</span>
      </div>
      {all.length === 0 ? (
        <p className="quiet">
          <Status shape="idle" />
          No action runs at this moment
        </p>
      ) : (
        <ul className="running" data-testid="current-list">
          {all.slice(0, LISTED).map(([id, action]) => (
            <RunningItem key={id} action={action} now={now} />
          ))}
        </ul>
      )}
    </section>
  );
}

function RunningItem({ action, now }: { action: RunningAction; now: number }) {
  return (
    <li>
      <Status shape="live" />
      <b>
        <NameLink kind="action" name={action.name} />
      </b>
      <span className="d">{action.service}</span>
      <span className="z">{runningFor(now - action.since_at)}</span>
    </li>
  );
}

const SLOWEST = 10;

function Slowest() {
  const live = useLive();
  const { frozen } = usePaused();
  useShownNow();
  const actions = useShown("actions");
  const compared = pace(frozen ? frozen.namesSeen : live.namesSeen);
  const rows = sorted(nameRows(actions?.names, compared), "p95", true).slice(0, SLOWEST);
  const total = actions?.names_total ?? Object.keys(actions?.names ?? {}).length;
  return (
    <section className="sec" data-testid="slowest">
      <div className="sec-h">
        <h2>Slowest actions</h2>
        <span className="note">since start, exact from every call; durations in ms</span>
        <PageLink className="end link" to="/actions">
          All {formatNumber(total)}
        </PageLink>
      </div>
      {rows.length ? (
        <NamesTable rows={rows} sort="p95" down />
      ) : (
        <p className="quiet">
          <Status shape="idle" />
          No action has ended yet. Put <code>@tacho.action</code> on a function and each call is timed.
        </p>
      )}
    </section>
  );
}

import { useEffect, useRef, useState } from "react";
import { formatClock, formatDuration, formatNumber, formatPercentage } from "../core/format";
import { nameQuery, NAME_SORTS, sortedBy, type NameSort } from "../core/nameQuery";
import type { NameListState } from "../core/nameList";
import type { ActionsTopic, EventsTopic, NameKind } from "../core/wire";
import { useAddress } from "../react/addressed";
import { usePaused, useShown } from "../react/live";
import { useMedia } from "../react/media";
import { useNameList } from "../react/names";
import { useStale } from "../react/stale";
import { NAME_COLUMNS } from "./nameColumns";
import { NameRows } from "./NameRows";
import { NameTabs } from "./NameTabs";
import { Figures, PageHead } from "./PageHead";
import { Teach } from "./Teach";

const TITLES: Readonly<Record<NameKind, string>> = { action: "Actions", event: "Events" };

/** Every name of a kind with its figures; order and filters are kept in the address. */
export default function NamesPage({ kind }: { kind: NameKind }) {
  const actions = useShown("actions");
  const events = useShown("events");
  const topic = kind === "action" ? actions : events;
  const some = (topic?.names_total ?? Object.keys(topic?.names ?? {}).length) > 0;
  if (some) return <Listed kind={kind} topic={topic} />;
  return (
    topic && <Teach page={kind === "action" ? "actions" : "events"} tabs={<NameTabs kind={kind} />} />
  );
}

function Listed({ kind, topic }: { kind: NameKind; topic: ActionsTopic | EventsTopic | undefined }) {
  const stale = useStale();
  const [params, change] = useAddress();
  const query = nameQuery(kind, params);
  const { list, state } = useNameList(query);
  const narrow = useMedia("(max-width: 760px)");
  const top = useRef<HTMLDivElement>(null);
  const sort = (by: NameSort) => {
    change(sortedBy(query, by));
    // The first of the new order is what was asked for.
    const above = top.current?.getBoundingClientRect().top ?? 0;
    if (above < 0) scrollBy(0, above - 56);
  };
  const found = state.matching;
  return (
    <>
      <PageHead title={TITLES[kind]} tabs={<NameTabs kind={kind} />} note="since start, exact from every call; durations in ms" stale={stale} />
      <Figures items={kind === "action" ? ofActions(topic as ActionsTopic) : ofEvents(topic as EventsTopic)} />
      <div className="filter" ref={top}>
        <Search value={query.search} label={`Search ${TITLES[kind].toLowerCase()}`} onChange={(q) => change({ q })} />
        <Services value={query.service} topic={topic} onChange={(service) => change({ service })} />
        {narrow && <SortChoice value={query.sort} onChange={sort} />}
        <span className="mut t12" data-testid="names-found">
          {found === undefined ? "" : found === state.total ? `${formatNumber(found)} names` : `${formatNumber(found)} of ${formatNumber(state.total)} names`}
        </span>
        <ListNote state={state} sort={query.sort} />
      </div>
      {found === 0 && !list.waiting ? (
        <p className="quiet">
          No {kind} is called “{query.search}”{query.service && ` in ${query.service}`}.{" "}
          <button className="link" onClick={() => change({ q: null, service: null })}>
            Show all
          </button>
        </p>
      ) : (
        <NameRows
          list={list}
          state={state}
          query={query}
          label={kind === "action" ? "Action" : "Event"}
          rowHeight={narrow ? 44 : 32}
          selfAll={state.self_s ?? selfOf(topic)}
          onSort={sort}
        />
      )}
    </>
  );
}

/** What a reader has to know of the rows: that they stand still, or are of another time. */
function ListNote({ state, sort }: { state: NameListState; sort: NameSort }) {
  const { frozen } = usePaused();
  const moves = state.held && sort !== "name" && frozen === null;
  return (
    <span className="dim t12 end" role="status" data-testid="list-note">
      {state.failed && state.loadedAt === undefined && "The list can't be loaded; this page tries again by itself"}
      {state.failed && state.loadedAt !== undefined && `as of ${formatClock(state.loadedAt)}; trying again`}
      {!state.failed && moves && "order held"}
    </span>
  );
}

const TYPING_MS = 150;

/** The address follows a little later, or each letter would be a question of its own. */
function Search({ value, label, onChange }: { value: string; label: string; onChange: (value: string) => void }) {
  const [text, setText] = useState(value);
  const [sent, setSent] = useState(value);
  const [seen, setSeen] = useState(value);
  if (seen !== value) {
    setSeen(value);
    // What comes back of what was typed here is older than what stands here by now.
    if (value !== sent) setText(value);
    setSent(value);
  }
  useEffect(() => {
    if (text === value) return undefined;
    const timer = setTimeout(() => {
      setSent(text);
      onChange(text);
    }, TYPING_MS);
    return () => clearTimeout(timer);
    // Only what is typed starts the clock.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [text]);
  return (
    <input
      type="search"
      data-search="page"
      aria-label={label}
      aria-keyshortcuts="/"
      placeholder={`${label}, key /`}
      value={text}
      onChange={(event) => setText(event.target.value)}
      onKeyDown={(event) => {
        if (event.key === "Escape") {
          if (text === "") event.currentTarget.blur();
          else setText("");
        }
        if (event.key === "ArrowDown" || event.key === "Enter") {
          const row = document.querySelector<HTMLElement>('.list tbody a[tabindex="0"]');
          if (row === null) return;
          event.preventDefault();
          row.focus();
        }
      }}
    />
  );
}

function Services({ value, topic, onChange }: { value: string; topic: ActionsTopic | EventsTopic | undefined; onChange: (value: string) => void }) {
  const sources = useShown("sources");
  const known = new Set(Object.values(sources?.sources ?? {}).flatMap(({ service }) => (service ? [service] : [])));
  for (const { services } of Object.values(topic?.names ?? {})) for (const service of services ?? []) known.add(service);
  if (value) known.add(value);
  if (known.size < 2) return null;
  return (
    <select aria-label="Service" data-testid="service" value={value} onChange={(event) => onChange(event.target.value)}>
      <option value="">All services</option>
      {[...known].sort().map((service) => (
        <option key={service}>{service}</option>
      ))}
    </select>
  );
}

/** Where most heads have no room. */
function SortChoice({ value, onChange }: { value: NameSort; onChange: (sort: NameSort) => void }) {
  const labels = new Map<string, string>(NAME_COLUMNS.map(({ id, label }) => [id, label]));
  return (
    <select aria-label="Sort by" value={value} onChange={(event) => onChange(event.target.value as NameSort)}>
      {NAME_SORTS.map((sort) => (
        <option key={sort} value={sort}>
          by {labels.get(sort) ?? "name"}
        </option>
      ))}
    </select>
  );
}

function selfOf(topic: ActionsTopic | EventsTopic | undefined): number | undefined {
  if (topic?.names === undefined) return undefined;
  return Object.values(topic.names).reduce((sum, { self_s }) => sum + (self_s ?? 0), 0);
}

function ofActions(topic: ActionsTopic): readonly (readonly [string, string])[] {
  return [
    ["Actions", formatNumber(topic.total_actions)],
    ["Last 60 s", formatNumber(topic.actions_per_minute)],
    ["Success", formatPercentage(topic.success_rate)],
    ["Errors", formatNumber(topic.error_count)],
    ["Mean", formatDuration(topic.avg_duration)],
    ["p95, last 60 s", formatDuration(topic.p95)],
  ];
}

function ofEvents(topic: EventsTopic): readonly (readonly [string, string])[] {
  return [
    ["Done", formatNumber(topic.events_processed)],
    ["Last 60 s", formatNumber(topic.events_per_minute)],
    ["Success", formatPercentage(topic.success_rate)],
    ["Failed", formatNumber(topic.events_failed)],
    ["Mean", formatDuration(topic.avg_processing_time)],
    ["p95, last 60 s", formatDuration(topic.p95)],
  ];
}

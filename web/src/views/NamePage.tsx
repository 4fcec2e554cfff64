import { useMemo } from "react";
import { Link, useLocation } from "react-router";
import { nameTracks, type NamePoints } from "../charts/nameSpecs";
import { Tracks, type View } from "../charts/Tracks";
import { formatClock, formatDuration, formatNumber, formatSpan, formatWhen } from "../core/format";
import type { Live } from "../core/live";
import type { StoredSeries } from "../core/stored";
import type { NameKind, NameTopic } from "../core/wire";
import { useAddress } from "../react/addressed";
import { useLive, useShownNow, useShownTopic } from "../react/live";
import { BACK } from "../react/scroll";
import { useStale } from "../react/stale";
import { storedView, useStored } from "../react/stored";
import { carried } from "./carried";
import { Code } from "./Empty";
import { Status } from "./Icon";
import { LIST_PATHS, nameIn } from "./namePaths";
import { RecentErrors } from "./RecentErrors";
import { Figures } from "./PageHead";
import { RunningCalls } from "./RunningCalls";
import { StretchTitle } from "./StretchTitle";

const SPANS = { "60s": ["60 s", 0], "1h": ["1 h", 3600], "24h": ["24 h", 86_400] } as const;
type Span = keyof typeof SPANS;

/** One action or event: its figures, over time, what failed of it and what runs of it now. */
export default function NamePage({ kind }: { kind: NameKind }) {
  const { pathname, search, state } = useLocation();
  const name = nameIn(pathname) ?? "";
  const topic = useShownTopic(`${kind}/${name}`) as NameTopic | undefined;
  const stale = useStale();
  const now = useShownNow();
  const list = (state as { list?: string } | null)?.list ?? `?${carried(search)}`;
  const known = topic?.name !== undefined || topic?.count !== undefined;
  return (
    <>
      <header className="hd named">
        <nav aria-label="Breadcrumb">
          <Link to={{ pathname: LIST_PATHS[kind], search: list }} state={BACK}>
            {kind === "action" ? "Actions" : "Events"}
          </Link>
          <span aria-hidden="true"> / </span>
        </nav>
        <h1>{name}</h1>
        <p>
          {stale !== undefined && (
            <span className="st-t warn">
              <Status shape="warn" />
              as of {formatClock(stale)}
            </span>
          )}{" "}
          {known && [topic.services?.join(", "), topic.updated_at && `last ${formatWhen(topic.updated_at, now)}`].filter(Boolean).join(" · ")}
        </p>
      </header>
      {topic !== undefined && !known ? <Unknown kind={kind} name={name} /> : <Known kind={kind} name={name} topic={topic} now={now} />}
    </>
  );
}

interface KnownProps {
  kind: NameKind;
  name: string;
  topic: NameTopic | undefined;
  now: number;
}

function Known({ kind, name, topic, now }: KnownProps) {
  return (
    <>
      <Figures
        wide
        items={[
          ["Calls", formatNumber(topic?.count)],
          ["Last 60 s", formatNumber(topic?.rate)],
          ["Errors", formatNumber(topic?.errors)],
          ["p50", formatDuration(topic?.p50)],
          ["p95", formatDuration(topic?.p95)],
          ["p99", formatDuration(topic?.p99)],
          ["Slowest", formatDuration(topic?.max)],
          ["Self time", formatDuration(topic?.self_s)],
        ]}
      />
      <Charts kind={kind} name={name} now={now} />
      <div className="mid named-mid">
        <RecentErrors kind={kind} errors={topic?.recent_errors} total={topic?.errors} now={now} />
        <div className="side">
          <RunningCalls kind={kind} running={topic?.running} />
        </div>
      </div>
    </>
  );
}

function Charts({ kind, name, now }: { kind: NameKind; name: string; now: number }) {
  const [params, change] = useAddress();
  const over: Span = (Object.keys(SPANS) as Span[]).find((span) => span === params.get("over")) ?? "60s";
  const span_s = SPANS[over][1];
  const live = useLive();
  const stored = useStored(kind, name, span_s);
  const { series } = stored;
  const specs = useMemo(
    () => nameTracks(span_s === 0 ? livePoints(`${kind}/${name}`) : storedPoints(series), span_s === 0 ? "per s" : everyStep(series)),
    [kind, name, span_s, series],
  );
  const view = useMemo<View | undefined>(
    () => (span_s === 0 ? undefined : (page, range) => storedView(page.clock.now(), span_s, range)),
    [span_s],
  );
  const from = series?.storedFrom;
  return (
    <section className="sec tracks wide">
      <div className="sec-h">
        {span_s === 0 ? <StretchTitle /> : <h2>Last {SPANS[over][0]}</h2>}
        <span className="note" role="status">
          {span_s === 0
            ? "second by second; a second without a call has no point"
            : (stored.error ?? (series ? `in steps of ${formatSpan(series.step_s)}` : "asking for what is stored"))}
          {span_s > 0 && from !== undefined && from > live.clock.now() - span_s && `; nothing older than ${formatWhen(from, now)} is stored`}
        </span>
        <div className="switch end" role="group" aria-label="Stretch of time">
          {(Object.keys(SPANS) as Span[]).map((span) => (
            <button key={span} aria-pressed={span === over} onClick={() => change({ over: span === "60s" ? null : span })}>
              {SPANS[span][0]}
            </button>
          ))}
        </div>
      </div>
      <Tracks key={over} specs={specs} {...(view ? { view } : {})} />
    </section>
  );
}

function everyStep(series: StoredSeries | undefined): string {
  return series ? `per ${formatSpan(series.step_s)}` : "";
}

/** The last seconds, as the topic tells them. That the whole program is not heard makes a gap; no call makes none. */
function livePoints(topic: string): NamePoints {
  return {
    ring: (live) => live.ringOf(topic),
    step: () => 1,
    gaps: (live, from, to) => {
      const known = live.ringOf(topic)?.knownFrom ?? to;
      const before: [number, number][] = known > from + 1 ? [[from, known]] : [];
      return [...before, ...live.points.system.window(from, to, live.interval).gaps];
    },
    causes: (live) => live.points.system.causes,
    known: (live) => live.points.system.newest,
  };
}

function storedPoints(series: StoredSeries | undefined): NamePoints {
  return {
    ring: () => series?.ring,
    step: () => series?.step_s ?? 60,
    gaps: (_live: Live, from, to) => series?.gaps(from, to) ?? [],
    causes: () => series,
    known: (live) => live.clock.now(),
  };
}

const SNIPPETS: Readonly<Record<NameKind, (name: string) => string>> = {
  action: (name) => `import tachograph as tacho\n\nwith tacho.action(${JSON.stringify(name)}):\n    ...\n`,
  event: (name) => `import tachograph as tacho\n\nwith tacho.event(${JSON.stringify(name)}):\n    ...\n`,
};

function Unknown({ kind, name }: { kind: NameKind; name: string }) {
  const text = SNIPPETS[kind](name);
  return (
    <div className="teach" data-testid="name-unknown">
      <p className="note-line">
        <Status shape="idle" />
        No {kind} of this name has been recorded in the last 24 h. This page fills by itself with the first.
      </p>
      <h2>What to paste</h2>
      <Code text={text} of={`the ${kind}`}>
        {text.trimEnd()}
      </Code>
    </div>
  );
}

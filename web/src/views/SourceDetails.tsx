import { Fragment, useEffect, useMemo, useRef, type ReactNode } from "react";
import { measured, processTracks, recordingTracks, sourceTopic } from "../charts/processSpecs";
import { Tracks } from "../charts/Tracks";
import { count, formatBytes, formatDuration, formatNumber, formatPercentage, formatSpan, formatWhen, mebibytes, NONE } from "../core/format";
import { frameSum } from "../core/frameSum";
import { endOf, isAlive, lifetime, lossWords, programText, quoted, stateMeaning } from "../core/sources";
import type { Source } from "../core/wire";
import { useLive, useTopic } from "../react/live";
import { Forget } from "./Forget";
import { shapeOf, Status } from "./Icon";
import { Figures } from "./PageHead";
import { PageLink } from "./PageLink";

interface Props {
  id: string;
  /** Undefined when no source has this id, or none any more. */
  source: Source | undefined;
  now: number;
  onClose: () => void;
}

/** All that is known of one source; of one that broke, first what it said last. */
export function SourceDetails({ id, source, now, onClose }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
    heading.current?.scrollIntoView({ block: "nearest" });
  }, [id]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      // An open sheet and a filled field take Escape for themselves.
      if (document.querySelector("dialog[open]") || event.target instanceof HTMLInputElement) return;
      onClose();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [onClose]);
  return (
    <section className="sec details" data-testid="source-details" data-source={id} aria-labelledby="source-name">
      <header>
        <h2 id="source-name" ref={heading} tabIndex={-1}>
          {source && <Status shape={shapeOf(source.state)} />}
          {source?.service ?? source?.id ?? "Not known"} <span>{source?.state}</span>
        </h2>
        <span className="buttons">
          {source && !isAlive(source) && <Forget source={source} onForgotten={onClose} />}
          <button className="btn" onClick={onClose}>
            Close <kbd>Esc</kbd>
          </button>
        </span>
      </header>
      {source === undefined ? (
        <p className="quiet">
          No source has the id <code>{id}</code>. One that ended is kept for 24 h.
        </p>
      ) : (
        <Body source={source} now={now} />
      )}
    </section>
  );
}

function Body({ source, now }: { source: Source; now: number }) {
  const memory = mebibytes(source.memory_mb);
  const texts = [
    ["Error", programText(source.error), "error"],
    ["Last lines of standard error", programText(source.lines), "lines"],
    [isAlive(source) ? "Current stack" : "Last stack", programText(source.stack), "stack"],
  ].filter((entry): entry is [string, string, string] => entry[1] !== undefined);
  const why = [source.reason, endOf(source)].filter((part, i, all) => part && all.indexOf(part) === i).join(", ");
  return (
    <>
      <p className="details-why" data-testid="source-why">
        {stateMeaning(source, now)}
        {why && <b> {why}.</b>}
        {!isAlive(source) && " The figures are its last."}
      </p>
      <Figures
        items={[
          ["CPU", formatPercentage(source.cpu_percent)],
          ["Memory", [memory.value, memory.unit].join(" ").trim()],
          ["Threads", formatNumber(source.thread_count)],
          ["Processes", formatNumber(source.process_count)],
          ["Own cost", source.own_cpu_percent === undefined ? NONE : formatPercentage(source.own_cpu_percent)],
          ["Lost", formatNumber(source.lost), source.lost ? "crit" : undefined],
        ]}
      />
      {isAlive(source) && <Charts id={source.id} />}
      <div className={texts.length ? "details-body told" : "details-body"}>
        {texts.length > 0 && (
          <div className="said">
            {texts.map(([title, text, kind]) => (
              <Said key={kind} title={title} text={text} kind={kind} />
            ))}
          </div>
        )}
        <Facts source={source} now={now} />
      </div>
    </>
  );
}

/** Its own last minute, and what recording takes of it. */
function Charts({ id }: { id: string }) {
  const live = useLive();
  useTopic(sourceTopic(id));
  const all = useMemo(() => [...processTracks(id).slice(0, 1), ...recordingTracks(id)], [id]);
  const specs = measured(all, live, id);
  if (specs.length === 0) return null;
  return (
    <div className="tracks wide details-charts" data-testid="source-charts">
      <Tracks specs={specs} />
      <p className="details-more">
        <PageLink className="link" to="/system" source={id}>
          All it uses, on the System page
        </PageLink>
      </p>
    </div>
  );
}

function Said({ title, text, kind }: { title: string; text: string; kind: string }) {
  const box = useRef<HTMLPreElement>(null);
  useEffect(() => {
    // Of lines the newest matter, and they stand at the end; so does what an exception says.
    if (box.current && kind !== "stack") box.current.scrollTop = box.current.scrollHeight;
  }, [text, kind]);
  return (
    <div>
      <h3>{title}</h3>
      <pre ref={box} className={`code-text ${kind}`} data-testid={`source-${kind}`} tabIndex={0} aria-label={title}>
        {text}
      </pre>
    </div>
  );
}

function Facts({ source, now }: { source: Source; now: number }) {
  const losses = lossWords(source.losses);
  const sum = frameSum(source);
  return (
    <div className="facts four">
      <Group title="Program">
        <Fact name="Command" testid="source-command">
          {source.command?.length ? <Command arguments={source.command} /> : undefined}
        </Fact>
        <Fact name="Commit">{source.git_commit && <code>{source.git_commit.slice(0, 12)}</code>}</Fact>
        <Fact name="Python">{source.python}</Fact>
        <Fact name="Recorder">{source.sdk}</Fact>
        <Fact name="Project">{source.project}</Fact>
        <Fact name="Host, pid">{[source.host, source.pid].filter((part) => part !== undefined).join(", ") || undefined}</Fact>
        <Fact name="Id">
          <code>{source.id}</code>
        </Fact>
      </Group>
      <Group title="Life">
        <Fact name="Started">{when(source.started_at, now)}</Fact>
        <Fact name="Last frame">
          {source.last_at === undefined ? undefined : isAlive(source) ? `${formatDuration(age(source.last_at, now))} ago` : when(source.last_at, now)}
        </Fact>
        <Fact name="Ended">{isAlive(source) ? "not yet" : when(source.ended_at, now)}</Fact>
        <Fact name="Lifetime">{lifetime(source, now)}</Fact>
        {source.clock_offset_s !== undefined && (
          <Fact name="Clock">
            {clockWords(source.clock_offset_s)}
            <small>its instants are corrected by that</small>
          </Fact>
        )}
        {source.clock_jump_s !== undefined && (
          <Fact name="Clock was set">by {signed(source.clock_jump_s)} since its start</Fact>
        )}
        {source.signal && <Fact name="Signal">{source.signal}</Fact>}
        {source.exit_code !== undefined && <Fact name="Exit code">{source.exit_code}</Fact>}
      </Group>
      <Group title="Frames">
        <Fact name="Sent" testid="source-sent">
          {figure(source.sent)}
        </Fact>
        <Fact name="= received">{figure(source.received)}</Fact>
        <Fact name="+ missing" testid="source-missing">
          {sum === undefined ? undefined : sum.missing ? <b className="crit">{formatNumber(sum.missing)}</b> : "0"}
        </Fact>
        {sum?.onTheWay ? <Fact name="+ on their way">{formatNumber(sum.onTheWay)}</Fact> : null}
        <Fact name="Late">{figure(source.late)}</Fact>
        <Fact name="Left out on purpose">{figure(source.sampled)}</Fact>
        <Fact name="Lost, by reason">
          {source.lost === undefined ? undefined : losses.length === 0 ? (
            formatNumber(source.lost)
          ) : (
            <>
              <b className="crit">{formatNumber(source.lost)}</b>
              {losses.map((words) => (
                <small key={words}>{words}</small>
              ))}
            </>
          )}
        </Fact>
      </Group>
      <Group title="Recording itself">
        <Fact name="CPU, of a core">{source.own_cpu_percent === undefined ? undefined : formatPercentage(source.own_cpu_percent)}</Fact>
        <Fact name="Longest flush">{source.flush_s === undefined ? undefined : formatDuration(source.flush_s)}</Fact>
        <Fact name="Waited, most">{source.queue_length === undefined ? undefined : count(source.queue_length, "record")}</Fact>
        {source.open_files !== undefined && <Fact name="Open files">{formatNumber(source.open_files)}</Fact>}
        {source.written_bytes_per_s !== undefined && (
          <Fact name="Storage">
            {formatBytes(source.read_bytes_per_s)}/s read, {formatBytes(source.written_bytes_per_s)}/s written
          </Fact>
        )}
      </Group>
    </div>
  );
}

function Command({ arguments: given }: { arguments: readonly string[] }) {
  return (
    <code>
      {given.map((argument, i) => (
        <Fragment key={i}>
          <span className="arg">{quoted(argument)}</span>{" "}
        </Fragment>
      ))}
    </code>
  );
}

function Group({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div>
      <h3>{title}</h3>
      <dl>{children}</dl>
    </div>
  );
}

function Fact({ name, testid, children }: { name: string; testid?: string; children: ReactNode }) {
  const known = children !== undefined && children !== "";
  return (
    <div>
      <dt>{name}</dt>
      <dd data-testid={testid} className={known ? undefined : "dim"}>
        {known ? children : `${NONE} not known`}
      </dd>
    </div>
  );
}

const when = (at: number | undefined, now: number) => (at === undefined ? undefined : formatWhen(at, now));
const figure = (n: number | undefined) => (n === undefined ? undefined : formatNumber(n));
/** In tenths: clocks differ a little, and a frame can't come from the future. */
const age = (at: number, now: number) => Math.max(0.1, Math.round((now - at) * 10) / 10);

/** "2 min 3 s behind", seen from this server. */
export function clockWords(offset_s: number): string {
  const size = Math.abs(offset_s);
  return `${size < 60 ? `${size.toFixed(1)} s` : formatSpan(size)} ${offset_s < 0 ? "ahead" : "behind"}`;
}

function signed(seconds: number): string {
  const size = Math.abs(seconds);
  return `${seconds < 0 ? "−" : "+"}${size < 60 ? `${size.toFixed(1)} s` : formatSpan(size)}`;
}

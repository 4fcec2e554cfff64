import { Tracks } from "../charts/Tracks";
import { COUNTS, TRACKS } from "../charts/trackSpecs";
import { count, formatNumber, formatPercentage, formatPlain, formatShort, mebibytes, NONE } from "../core/format";
import { byInterest, isAlive } from "../core/sources";
import type { Source } from "../core/wire";
import { useShown } from "../react/live";
import { useStale } from "../react/stale";
import { shapeOf, Status } from "./Icon";
import { Figures, PageHead } from "./PageHead";
import { PageLink } from "./PageLink";
import { StretchTitle } from "./StretchTitle";
import { Teach } from "./Teach";

const SPECS = [...TRACKS.filter((spec) => spec.id === "system"), COUNTS];

/** What the processes use, all together and each by itself. */
export function SystemPage() {
  const stale = useStale();
  const system = useShown("system");
  const sources = useShown("sources");
  if (!sources?.total) return <Teach page="system" />;
  const memory = mebibytes(system?.memory_mb);
  const all = byInterest(sources);
  const alive = all.filter(isAlive);
  return (
    <>
      <PageHead title="System" note={`${count(system?.live ?? 0, "live source")} together; each process counted once`} stale={stale} />
      <Figures
        items={[
          ["CPU", formatPercentage(system?.cpu_percent)],
          ["Memory", `${memory.value} ${memory.unit}`.trim()],
          ["Memory, share", formatPercentage(system?.memory_percent)],
          ["Threads", formatNumber(system?.thread_count)],
          ["Processes", formatNumber(system?.process_count)],
          ["Cores", formatPlain(system?.cores)],
        ]}
      />
      <section className="sec tracks wide">
        <div className="sec-h">
          <StretchTitle />
          <span className="note">drag to zoom, Space to pause</span>
        </div>
        <Tracks specs={SPECS} />
      </section>
      <section className="sec">
        <div className="sec-h">
          <h2>By source</h2>
          <span className="note">CPU is the share of all cores; {NONE} is not measured</span>
        </div>
        <table className="tb">
          <thead>
            <tr>
              <th scope="col">Source</th>
              <th scope="col" className="hm">Host</th>
              <th scope="col" className="num hm">pid</th>
              <th scope="col" className="num hm">Threads</th>
              <th scope="col" className="num hm">Processes</th>
              <th scope="col" className="num hm">Own cost, % of a core</th>
              <th scope="col" className="num">CPU, %</th>
              <th scope="col" className="num">Memory, MiB</th>
            </tr>
          </thead>
          <tbody>
            {(alive.length ? alive : all).map((source) => (
              <Line key={source.id} source={source} />
            ))}
          </tbody>
        </table>
        {alive.length === 0 && <p className="quiet">No source is alive: these are the last figures of those that ended.</p>}
      </section>
    </>
  );
}

function Line({ source }: { source: Source }) {
  return (
    <tr data-testid="system-row" data-source={source.id} className={isAlive(source) ? undefined : "past"}>
      <td className="name">
        <span className="st-t">
          <Status shape={shapeOf(source.state)} />
          <PageLink className="quiet-link" to="/sources" source={source.id}>
            {source.service ?? source.id}
          </PageLink>
        </span>
        <span className="sr">{source.state}</span>
      </td>
      <td className="hm">{source.host}</td>
      <td className="num hm">{source.pid}</td>
      <Cell value={source.thread_count} whole />
      <Cell value={source.process_count} whole />
      <Cell value={source.own_cpu_percent} extra />
      <Cell value={source.cpu_percent} />
      <Cell value={source.memory_mb} />
    </tr>
  );
}

interface CellProps {
  value: number | undefined;
  /** Left out where there is little width. */
  extra?: boolean;
  /** A count, left out likewise. */
  whole?: boolean;
}

function Cell({ value, extra = false, whole = false }: CellProps) {
  const place = extra || whole ? "num hm" : "num v1";
  if (value === undefined) {
    return (
      <td className={`${place} dim`} title="not measured">
        {NONE}
      </td>
    );
  }
  return <td className={place}>{whole ? formatNumber(value) : formatShort(value)}</td>;
}

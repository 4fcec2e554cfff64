import { useMemo } from "react";
import { measured, processTracks } from "../charts/processSpecs";
import { Tracks } from "../charts/Tracks";
import { count, formatBytes, formatDuration, formatNumber, formatPercentage, formatPlain, mebibytes } from "../core/format";
import { byInterest, isAlive } from "../core/sources";
import type { ProcessFigures, Source, SystemTopic } from "../core/wire";
import { useAddress } from "../react/addressed";
import { useLive, useShown, useTopic } from "../react/live";
import { useStale } from "../react/stale";
import { shapeOf, Status } from "./Icon";
import { Figures, PageHead } from "./PageHead";
import { PageLink } from "./PageLink";
import { ProcessTable } from "./ProcessTable";
import { StretchTitle } from "./StretchTitle";
import { Teach } from "./Teach";

/** What the processes use, all together and each by itself; the one that is chosen stands in the address. */
export default function SystemPage() {
  const stale = useStale();
  const system = useShown("system");
  const sources = useShown("sources");
  const [params, change] = useAddress();
  const chosen = params.get("source");
  if (!sources?.total) return <Teach page="system" />;
  const all = byInterest(sources);
  const one = chosen === null ? undefined : sources.sources?.[chosen];
  return (
    <>
      <PageHead title="System" note={`${count(system?.live ?? 0, "live source")} together; each process counted once`} stale={stale} />
      <Figures wide items={figures(system)} />
      <ProcessTable
        title="By source"
        sources={all.filter(isAlive)}
        chosen={chosen}
        onChoose={(id) => change({ source: id === chosen ? null : id })}
      />
      <section className="sec tracks wide" data-testid="system-charts" data-source={chosen ?? ""}>
        <div className="sec-h">
          <StretchTitle />
          {chosen === null ? (
            <span className="note">all together; choose a source to see it against all</span>
          ) : (
            <Chosen id={chosen} source={one} onClose={() => change({ source: null })} />
          )}
        </div>
        <Charts key={chosen ?? ""} chosen={chosen} />
      </section>
      <ProcessTable
        title="Ended"
        past
        sources={all.filter((source) => !isAlive(source))}
        chosen={chosen}
        onChoose={(id) => change({ source: id === chosen ? null : id })}
      />
    </>
  );
}

function Charts({ chosen }: { chosen: string | null }) {
  const live = useLive();
  // Points come with the topics: what is measured can grow with each.
  useTopic("system");
  useTopic(chosen === null ? "system" : `source/${chosen}`);
  const specs = useMemo(() => processTracks(chosen), [chosen]);
  const shown = measured(specs, live, chosen);
  if (shown.length === 0) {
    return (
      <p className="quiet">
        <Status shape="idle" />
        {chosen === null ? "Nothing was measured in this stretch." : "Nothing was measured of it in the last 60 s. Its last figures stand below."}
      </p>
    );
  }
  return <Tracks specs={shown} />;
}

function Chosen({ id, source, onClose }: { id: string; source: Source | undefined; onClose: () => void }) {
  return (
    <>
      <span className="chosen-one">
        <Status shape={shapeOf(source?.state)} />
        <PageLink className="quiet-link" to="/sources" source={id}>
          {source?.service ?? id}
        </PageLink>
        {source ? <span className="dim"> pid {source.pid}, dashed: all together</span> : <span className="dim"> is not known any more</span>}
      </span>
      <button className="link end" onClick={onClose}>
        All together
      </button>
    </>
  );
}

/** Those that somebody measures; the rest would be eight times "not measured". */
function figures(system: SystemTopic | undefined): readonly (readonly [string, string])[] {
  const memory = mebibytes(system?.memory_mb);
  const share = system?.memory_percent === undefined ? "" : `, ${formatPercentage(system.memory_percent)}`;
  return [
    [system?.cores === undefined ? "CPU" : `CPU, of ${formatPlain(system.cores)} cores`, formatPercentage(system?.cpu_percent)],
    [`Memory${share}`, `${memory.value} ${memory.unit}`.trim()],
    ["Threads", formatNumber(system?.thread_count)],
    ["Processes", formatNumber(system?.process_count)],
    ...further(system),
  ];
}

function further(figures: ProcessFigures | undefined): [string, string][] {
  const { open_files, read_bytes_per_s, written_bytes_per_s, loop_lag_s, gc_pause_s } = figures ?? {};
  const all: [string, number | undefined, (value: number) => string][] = [
    ["Open files", open_files, (v) => formatNumber(v)],
    ["Read, per s", read_bytes_per_s, formatBytes],
    ["Written, per s", written_bytes_per_s, formatBytes],
    ["Loop lag, worst", loop_lag_s, formatDuration],
    ["GC pause, worst", gc_pause_s, formatDuration],
  ];
  return all.flatMap(([name, value, format]): [string, string][] => (value === undefined ? [] : [[name, format(value)]])).slice(0, 4);
}

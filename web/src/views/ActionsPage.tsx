import { useState } from "react";
import { useSearchParams } from "react-router";
import { formatDuration, formatNumber, formatPercentage } from "../core/format";
import { pace } from "../core/pace";
import { useLive, usePaused, useShown, useShownNow } from "../react/live";
import { useStale } from "../react/stale";
import { NamesTable, nameRows, sorted, type Column } from "./NamesTable";
import { Figures, PageHead } from "./PageHead";
import { Teach } from "./Teach";

const COLUMNS: readonly Column[] = ["name", "count", "rate", "p50", "p95", "p99", "max", "share", "errors", "pace"];
const FIRST = 100;

/** Every name with its figures; order and filter are kept in the address. */
export function ActionsPage() {
  const live = useLive();
  const { frozen } = usePaused();
  useShownNow();
  const stale = useStale();
  const actions = useShown("actions");
  const [params, setParams] = useSearchParams();
  const [all, setAll] = useState(false);
  const sort = COLUMNS.find((column) => column === params.get("sort")) ?? "p95";
  const down = params.get("dir") !== "up";
  const q = params.get("q") ?? "";

  if (!actions?.names_total && Object.keys(actions?.names ?? {}).length === 0) {
    return <Teach page="actions" />;
  }
  const set = (changes: Record<string, string | null>) =>
    setParams(
      (old) => {
        const next = new URLSearchParams(old);
        for (const [key, value] of Object.entries(changes)) {
          if (value === null || value === "") next.delete(key);
          else next.set(key, value);
        }
        return next;
      },
      { replace: true },
    );
  const compared = pace(frozen ? frozen.namesSeen : live.namesSeen);
  const needle = q.toLowerCase();
  const matching = nameRows(actions?.names, compared).filter(
    (row) =>
      row.name.toLowerCase().includes(needle) ||
      row.figures.services?.some((service) => service.toLowerCase().includes(needle)),
  );
  const rows = sorted(matching, sort, down);
  const total = actions?.names_total ?? rows.length;
  return (
    <>
      <PageHead title="Actions" note="since start, exact from every call; durations in ms" stale={stale} />
      <Figures
        items={[
          ["Actions", formatNumber(actions?.total_actions)],
          ["Last 60 s", formatNumber(actions?.actions_per_minute)],
          ["Success", formatPercentage(actions?.success_rate)],
          ["Errors", formatNumber(actions?.error_count)],
          ["Mean", formatDuration(actions?.avg_duration)],
          ["p95, last 60 s", formatDuration(actions?.p95)],
        ]}
      />
      <div className="filter">
        <input
          type="search"
          aria-label="Filter by action or service"
          placeholder="Filter by action or service"
          value={q}
          onChange={(event) => set({ q: event.target.value })}
        />
        <span className="mut t12">
          {formatNumber(rows.length)} of {formatNumber(total)}
          {total > Object.keys(actions?.names ?? {}).length && ", those with the most time"}
        </span>
      </div>
      <NamesTable
        rows={all ? rows : rows.slice(0, FIRST)}
        sort={sort}
        down={down}
        onSort={(column) =>
          set({ sort: column, dir: column === sort ? (down ? "up" : null) : column === "name" ? "up" : null })
        }
      />
      {rows.length === 0 && <p className="quiet">Nothing is called “{q}”.</p>}
      {!all && rows.length > FIRST && (
        <button className="btn all" onClick={() => setAll(true)}>
          Show all {formatNumber(rows.length)}
        </button>
      )}
    </>
  );
}

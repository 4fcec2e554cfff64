import { Link, useSearchParams } from "react-router";
import { formatNumber } from "../core/format";
import type { NameKind } from "../core/wire";
import { useShown } from "../react/live";
import { carried } from "./carried";
import { LIST_PATHS } from "./namePaths";

/** Actions | Events, each with how many names it has. */
export function NameTabs({ kind }: { kind: NameKind }) {
  const [params] = useSearchParams();
  const totals = { action: useShown("actions")?.names_total, event: useShown("events")?.names_total };
  return (
    <nav className="tabs" aria-label="Kinds of names">
      {(["action", "event"] as const).map((one) => (
        <Link
          key={one}
          to={{ pathname: LIST_PATHS[one], search: carried(params) }}
          aria-current={one === kind ? "page" : undefined}
        >
          {one === "action" ? "Actions" : "Events"}
          {totals[one] !== undefined && <span>{formatNumber(totals[one])}</span>}
        </Link>
      ))}
    </nav>
  );
}

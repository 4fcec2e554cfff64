import { Link, useLocation, useSearchParams } from "react-router";
import { formatNumber, formatShort, NONE } from "../core/format";
import { useTopic } from "../react/live";
import { useUi } from "../react/ui";
import { carried } from "./carried";
import { Icon } from "./Icon";
import { PLACES } from "./pages";

export function Rail() {
  const [params] = useSearchParams();
  const open = useUi((ui) => ui.open);
  const sources = useTopic("sources");
  const { pathname } = useLocation();
  const far = PLACES.some((place) => place.path === pathname && !place.near);
  return (
    <nav className="rail" aria-label="Pages">
      <div>
        {PLACES.map((place) => (
          <Link
            key={place.path}
            to={{ pathname: place.path, search: carried(params) }}
            className={place.near ? "near" : "far"}
            aria-current={isAt(place.path, pathname) ? "page" : undefined}
            title={place.name}
          >
            <Icon name={place.icon} />
            <span>{place.name}</span>
            {place.path === "/sources" && sources?.total ? (
              <span className="n" aria-label={`${sources.live ?? 0} of ${sources.total} live`}>
                {sources.live ?? 0}/{sources.total}
              </span>
            ) : null}
          </Link>
        ))}
        <button
          className="rail-more"
          aria-haspopup="dialog"
          aria-current={far ? "page" : undefined}
          onClick={() => open("more")}
        >
          <Icon name="more" />
          <span>More</span>
        </button>
        <OwnCost />
      </div>
    </nav>
  );
}

/** Events are the other tab of the actions' page. */
function isAt(place: string, pathname: string): boolean {
  const path = pathname === "/events" || pathname.startsWith("/events/") ? "/actions" : pathname;
  return path === place || (place !== "/" && path.startsWith(`${place}/`));
}

/** What recording costs, and what it lost: always in sight. */
function OwnCost() {
  const own = useTopic("system")?.own_cpu_percent;
  const sources = useTopic("sources");
  if (!sources?.total) return null;
  return (
    <div className="own">
      <div title="Share of one core that recording takes, highest of the live sources">
        <span>Own cost</span>
        <b data-testid="own-cost">{own === undefined ? NONE : `${formatShort(own)} %`}</b>
      </div>
      <div>
        <span>Lost</span>
        <b>{formatNumber(sources.lost)}</b>
      </div>
    </div>
  );
}

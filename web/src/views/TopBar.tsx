import { Link, useSearchParams } from "react-router";
import { useLive, usePaused, useTopic } from "../react/live";
import { useRange } from "../react/range";
import { usePauseToggle } from "../react/pause";
import { useUi } from "../react/ui";
import { formatClock, formatSpan } from "../core/format";
import { projectsOf } from "../core/sources";
import { Badge } from "./Badge";
import { carried } from "./carried";
import { Icon, Mark } from "./Icon";

export function TopBar() {
  const open = useUi((ui) => ui.open);
  const switchTheme = useUi((ui) => ui.switchTheme);
  const theme = useUi((ui) => ui.theme);
  const [params] = useSearchParams();
  return (
    <header className="top">
      <Link className="brand" to={{ pathname: "/", search: carried(params) }} aria-label="Tachograph, overview">
        <Mark />
        <span>Tachograph</span>
      </Link>
      <Picker />
      <button className="find" data-testid="search" onClick={() => open("palette")}>
        <Icon name="search" />
        <span>Search or run a command</span>
        <kbd>Ctrl K</kbd>
      </button>
      <TimeRange />
      <Badge />
      <button className="icon-button find-small" aria-label="Search" onClick={() => open("palette")}>
        <Icon name="search" />
      </button>
      <button
        className="icon-button"
        data-testid="theme"
        aria-label={theme === "dark" ? "Switch to the light theme" : "Switch to the dark theme"}
        onClick={switchTheme}
      >
        <Icon name="theme" />
      </button>
    </header>
  );
}

function Picker() {
  const open = useUi((ui) => ui.open);
  const { project } = useLive();
  const sources = useTopic("sources");
  const projects = projectsOf(Object.values(sources?.sources ?? {}));
  const only = projects.size === 1 ? [...projects.keys()][0] : undefined;
  const shown = project ?? only;
  const services = [...(shown === undefined ? [] : (projects.get(shown) ?? []))];
  return (
    <button
      className="picker"
      data-testid="picker"
      aria-haspopup="dialog"
      aria-label={`Project: ${shown ?? "all"}. Choose another`}
      onClick={() => open("projects")}
    >
      <b>{shown ?? (projects.size ? "All projects" : "No project yet")}</b>
      {services.length === 1 && (
        <>
          <i className="wide">/</i>
          <b className="wide">{services[0]}</b>
        </>
      )}
      <Icon name="down" />
    </button>
  );
}

function TimeRange() {
  const { range } = usePaused();
  const { goLive } = useRange();
  const toggle = usePauseToggle();
  const paused = range.kind === "fixed";
  return (
    <div className="range">
      <button
        data-testid="pause"
        aria-label={paused ? "Go on" : "Pause the view"}
        aria-pressed={paused}
        title="Space"
        onClick={toggle}
      >
        <Icon name={paused ? "play" : "pause"} />
      </button>
      {paused ? (
        <button onClick={goLive} title="Back to the last 60 s">
          {formatClock(range.from)} – {formatClock(range.to)}
          <em>{formatSpan(Math.round(range.to - range.from))}</em>
        </button>
      ) : (
        <span data-testid="range">Last 60 s</span>
      )}
    </div>
  );
}

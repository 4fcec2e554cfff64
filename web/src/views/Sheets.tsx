import { lazy, Suspense } from "react";
import { NavLink, useSearchParams } from "react-router";
import { useUi } from "../react/ui";
import { carried } from "./carried";
import { Dialog } from "./Dialog";
import { Icon } from "./Icon";
import { PLACES } from "./pages";

const Palette = lazy(() => import("./Palette"));

/** Whatever lies over the page at the moment. */
export function Sheets() {
  const sheet = useUi((ui) => ui.sheet);
  return (
    <Suspense>
      {sheet === "palette" && <Palette />}
      {sheet === "projects" && <Palette only="projects" />}
      {sheet === "keys" && <Keys />}
      {sheet === "more" && <More />}
    </Suspense>
  );
}

const KEYS: readonly (readonly [string, string])[] = [
  ["Space", "pause the view, and go on; collecting never stops"],
  ["L", "back to live"],
  ["Ctrl K", "search, or run a command"],
  ["/", "search in the page where it has a field, else the same"],
  ["Y", "copy a link to the stretch in view"],
  ["T", "switch the theme"],
  ["?", "these keys"],
  ["Esc", "close what lies over the page"],
];

function Keys() {
  const open = useUi((ui) => ui.open);
  return (
    <Dialog label="Keys" className="sheet" onClose={() => open(null)}>
      <header>
        <h2>Keys</h2>
        <button className="btn" onClick={() => open(null)}>
          Close
        </button>
      </header>
      <dl className="keys" data-testid="keys">
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
        {PLACES.map((place) => (
          <div key={place.path}>
            <dt>
              <kbd>G</kbd> <kbd>{place.key.toUpperCase()}</kbd>
            </dt>
            <dd>{place.name}</dd>
          </div>
        ))}
      </dl>
      <p className="sheet-note">In a chart: drag to zoom, double-click for live. Below the charts and on the tape: arrow keys move the crosshair and the window. In a
        list of names: arrow keys go from row to row, Enter opens one.</p>
    </Dialog>
  );
}

function More() {
  const open = useUi((ui) => ui.open);
  const [params] = useSearchParams();
  return (
    <Dialog label="More pages" className="sheet sheet-bottom" onClose={() => open(null)}>
      <header>
        <h2>More</h2>
        <button className="btn" onClick={() => open(null)}>
          Close
        </button>
      </header>
      <nav className="more" aria-label="More pages">
        {PLACES.filter((place) => !place.near).map((place) => (
          <NavLink
            key={place.path}
            to={{ pathname: place.path, search: carried(params) }}
            onClick={() => open(null)}
          >
            <Icon name={place.icon} />
            <b>{place.name}</b>
            <span>{place.about}</span>
          </NavLink>
        ))}
      </nav>
    </Dialog>
  );
}

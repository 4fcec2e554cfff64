import { formatAge, formatClock } from "../core/format";
import { useLink, useLive, usePaused, useServerNow, useTopic } from "../react/live";

type Mode = "Live" | "Polling" | "Reconnecting" | "Connecting" | "Offline" | "Paused" | "Listening";

const TITLES: Record<Mode, string> = {
  Live: "Changes come over the WebSocket; the age is that of the data",
  Polling: "The WebSocket fails: the page asks every 2 s instead, and goes back by itself",
  Reconnecting: "The connection was lost; what you see is what was known then",
  Connecting: "No answer yet",
  Offline: "Neither WebSocket nor HTTP answers; what you see is what was known then",
  Paused: "The view stands still, collecting goes on",
  Listening: "Connected; no source has been seen yet",
};

const ARC_FULL = 45.5;

/** How this page hears from the server, always with the age of what it shows. */
export function Badge() {
  const link = useLink();
  const live = useLive();
  const { range } = usePaused();
  const total = useTopic("sources")?.total;
  const now = useServerNow(100);
  const mode = modeOf(link.state, range.kind === "fixed", total);
  const age = link.heardAt === undefined ? undefined : now - link.heardAt;
  const text = {
    Live: formatAge(age),
    Polling: formatAge(age),
    Reconnecting: link.retryAt === undefined ? "" : `in ${Math.max(0, Math.ceil(link.retryAt - now))} s`,
    Connecting: "",
    Offline: formatAge(age),
    Paused: range.kind === "fixed" ? formatClock(range.to) : "",
    Listening: "",
  }[mode];
  const part = age === undefined ? 0 : Math.min(1, age / Math.max(0.1, live.interval));
  return (
    <div className="badge" data-testid="badge" data-state={mode} title={TITLES[mode]}>
      <svg viewBox="0 0 18 18" aria-hidden="true" className={`badge-${mode}`}>
        <circle cx="9" cy="9" r="7.25" className="badge-ring" />
        {mode !== "Paused" && mode !== "Listening" && mode !== "Offline" && (
          <circle
            cx="9"
            cy="9"
            r="7.25"
            className="badge-arc"
            strokeDasharray={`${(mode === "Live" ? part : 0.4) * ARC_FULL} ${ARC_FULL}`}
            transform="rotate(-90 9 9)"
          />
        )}
        <Inner mode={mode} />
      </svg>
      <b role="status">{mode}</b>
      <span className="age" data-testid="age">
        {text}
      </span>
    </div>
  );
}

function Inner({ mode }: { mode: Mode }) {
  switch (mode) {
    case "Live":
      return <circle cx="9" cy="9" r="3" className="badge-fill" />;
    case "Polling":
      return <path d="M9 5.4l3.6 6.3H5.4z" className="badge-fill" />;
    case "Offline":
      return <path d="M6.5 6.5l5 5M11.5 6.5l-5 5" className="badge-stroke" />;
    case "Paused":
      return <path d="M7.3 6v6M10.7 6v6" className="badge-stroke" />;
    default:
      return <circle cx="9" cy="9" r="2.5" className="badge-stroke" />;
  }
}

function modeOf(state: string, paused: boolean, total: number | undefined): Mode {
  if (paused) return "Paused";
  if (state === "live") return total === 0 ? "Listening" : "Live";
  if (state === "polling") return "Polling";
  if (state === "reconnecting") return "Reconnecting";
  return state === "connecting" ? "Connecting" : "Offline";
}

import type { Shape } from "../core/answers";
import type { SourceState } from "../core/wire";

/** Drawn once into the page; each use refers to a symbol by its id. */
export function Sprite() {
  return (
    <svg width="0" height="0" className="sprite" aria-hidden="true">
      <defs>
        <symbol id="s-good" viewBox="0 0 10 10">
          <circle cx="5" cy="5" r="4" fill="currentColor" />
        </symbol>
        <symbol id="s-live" viewBox="0 0 10 10">
          <circle cx="5" cy="5" r="2" fill="currentColor" />
          <circle cx="5" cy="5" r="4.25" fill="none" stroke="currentColor" strokeWidth="1.25" />
        </symbol>
        <symbol id="s-warn" viewBox="0 0 10 10">
          <path d="M5 .6 9.8 9.2H.2z" fill="currentColor" />
        </symbol>
        <symbol id="s-crit" viewBox="0 0 10 10">
          <path d="M5 0 10 5 5 10 0 5z" fill="currentColor" />
        </symbol>
        <symbol id="s-end" viewBox="0 0 10 10">
          <rect x="1.2" y="1.2" width="7.6" height="7.6" rx="1" fill="currentColor" />
        </symbol>
        <symbol id="s-idle" viewBox="0 0 10 10">
          <circle cx="5" cy="5" r="3.75" fill="none" stroke="currentColor" strokeWidth="1.5" />
        </symbol>
        <symbol id="s-kill" viewBox="0 0 10 10">
          <path d="M1.2 1.2l7.6 7.6M8.8 1.2 1.2 8.8" stroke="currentColor" strokeWidth="2" fill="none" />
        </symbol>
        <symbol id="s-pause" viewBox="0 0 10 10">
          <path d="M2.8 1v8M7.2 1v8" stroke="currentColor" strokeWidth="2.2" fill="none" />
        </symbol>
        <symbol id="s-busy" viewBox="0 0 10 10">
          <circle cx="5" cy="5" r="4" fill="none" stroke="currentColor" strokeWidth="1.5" strokeDasharray="2.1 2.09" />
        </symbol>
        {Object.entries(PATHS).map(([name, path]) => (
          <symbol key={name} id={`i-${name}`} viewBox="0 0 16 16">
            {path}
          </symbol>
        ))}
      </defs>
    </svg>
  );
}

const PATHS = {
  overview: (
    <>
      <path d="M3.4 12.6a6.5 6.5 0 1 1 9.2 0" />
      <path d="M8 8l2.6-3" />
      <circle cx="8" cy="8" r=".6" fill="currentColor" />
    </>
  ),
  pipelines: <path d="M2 3.5h6M5.5 8h6M9 12.5h5" />,
  actions: <path d="M1.5 8.5h3l2-5.5 3.2 10 2-4.5h2.8" />,
  system: (
    <>
      <rect x="4" y="4" width="8" height="8" rx="1" />
      <path d="M6.5 1.5V4M9.5 1.5V4M6.5 12v2.5M9.5 12v2.5M1.5 6.5H4M1.5 9.5H4M12 6.5h2.5M12 9.5h2.5" />
    </>
  ),
  quality: (
    <>
      <rect x="2" y="2" width="12" height="12" rx="1" />
      <path d="M5 8.2l2.2 2.2L11.2 6" />
    </>
  ),
  metrics: (
    <>
      <path d="M2 2v12h12" />
      <path d="M4.5 10.5l3-3.5 2.5 2 4-5" />
    </>
  ),
  alerts: (
    <>
      <path d="M3 11.5h10c-1-1.2-1.3-2.4-1.3-4.5C11.7 4.5 10 2.8 8 2.8S4.3 4.5 4.3 7c0 2.1-.3 3.3-1.3 4.5z" />
      <path d="M6.7 13.7c.7.6 1.9.6 2.6 0" />
    </>
  ),
  sources: (
    <>
      <circle cx="8" cy="8" r="1.3" fill="currentColor" />
      <path d="M5.2 10.8a4 4 0 0 1 0-5.6M10.8 5.2a4 4 0 0 1 0 5.6M3.2 12.8a6.8 6.8 0 0 1 0-9.6M12.8 3.2a6.8 6.8 0 0 1 0 9.6" />
    </>
  ),
  more: <path d="M3 8h.01M8 8h.01M13 8h.01" strokeWidth="2.2" />,
  search: (
    <>
      <circle cx="7" cy="7" r="4.5" />
      <path d="M10.5 10.5 14 14" />
    </>
  ),
  pause: <path d="M5.5 3.5v9M10.5 3.5v9" />,
  play: <path d="M5 3.2v9.6L12.5 8z" />,
  down: <path d="M4 6l4 4 4-4" />,
  right: <path d="M6 4l4 4-4 4" />,
  theme: (
    <>
      <circle cx="8" cy="8" r="5.5" />
      <path d="M8 2.5a5.5 5.5 0 0 1 0 11z" fill="currentColor" stroke="none" />
    </>
  ),
  copy: (
    <>
      <rect x="5.5" y="5.5" width="8" height="8" rx="1" />
      <path d="M10.5 5.5v-2a1 1 0 0 0-1-1h-6a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2" />
    </>
  ),
  link: (
    <path d="M6.5 9.5l3-3M7 4.5l1.5-1.5a3 3 0 0 1 4.5 4.5L11.5 9M9 11.5 7.5 13A3 3 0 0 1 3 8.5L4.5 7" />
  ),
  keys: (
    <>
      <rect x="1.5" y="4" width="13" height="8" rx="1" />
      <path d="M4.5 7h.01M7 7h.01M9.5 7h.01M11.8 7h.01M5 9.6h6" />
    </>
  ),
  up: <path d="M4 12 12 4M6 4h6v6" />,
  dn: <path d="M4 4l8 8M12 6v6H6" />,
  flat: <path d="M2.5 8h11M10 4.5 13.5 8 10 11.5" />,
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" aria-hidden="true">
      <use href={`#i-${name}`} />
    </svg>
  );
}

const TONE: Record<Shape | "pause", string> = {
  live: "good",
  good: "good",
  warn: "warn",
  crit: "crit",
  kill: "crit",
  end: "off",
  idle: "off",
  busy: "mut",
  pause: "off",
};

/** A status by its shape; colour only repeats it. What it means stands in words beside it. */
export function Status({ shape }: { shape: Shape | "pause" }) {
  return (
    <svg className={`status ${TONE[shape]}`} aria-hidden="true" data-shape={shape}>
      <use href={`#s-${shape}`} />
    </svg>
  );
}

const SOURCE_SHAPES: Record<SourceState, Shape> = {
  live: "live",
  silent: "warn",
  ended: "end",
  terminated: "end",
  failed: "crit",
  killed: "kill",
};

export const shapeOf = (state: SourceState | undefined): Shape =>
  state === undefined ? "idle" : SOURCE_SHAPES[state];

export function Mark() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" aria-hidden="true">
      <circle cx="12" cy="12" r="10.75" strokeWidth="1.5" />
      <path
        className="mark-trace"
        d="M6.3 16.1A7 7 0 0 1 5 12c0-1.1.25-2.1.7-3l1.9 1a5 5 0 0 1 3.1-2.8L10.1 5.3A7 7 0 0 1 18.9 11"
        strokeWidth="1.6"
        strokeLinejoin="round"
        strokeLinecap="round"
      />
      <path d="M12 9.3l1.8 3a2.1 2.1 0 1 1-3.6 0z" fill="currentColor" stroke="none" />
    </svg>
  );
}

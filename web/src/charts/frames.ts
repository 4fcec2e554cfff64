/** Called before each frame, with a time in milliseconds that only grows. */
export type Frame = (nowMs: number) => void;

const watchers = new Set<Frame>();
let asked = false;

// A chart of 700 px moves by one of them every 85 ms: asking 60 times a second would only cost.
const PAUSE_MS = 33;

function ask(): void {
  asked = true;
  setTimeout(() => requestAnimationFrame(run), PAUSE_MS);
}

function run(nowMs: number): void {
  asked = false;
  if (watchers.size) ask();
  for (const watcher of [...watchers]) watcher(nowMs);
}

/** One loop for all canvases; it stands still when nobody draws, and in a hidden tab. */
export function eachFrame(frame: Frame): () => void {
  watchers.add(frame);
  if (!asked) ask();
  return () => {
    watchers.delete(frame);
  };
}

let waiting: (() => void)[] = [];

/** What came in between two frames is shown in one go. A hidden tab is served too, slowly. */
export function nextFrame(flush: () => void): void {
  waiting.push(flush);
  if (waiting.length > 1) return;
  const all = () => {
    clearTimeout(fallback);
    cancelAnimationFrame(frame);
    const due = waiting;
    waiting = [];
    for (const one of due) one();
  };
  const frame = requestAnimationFrame(all);
  const fallback = setTimeout(all, 1000);
}

export const calmMotion = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Whether an element can be seen; `onChange` when that changes. Off-screen canvases don't draw. */
export function watchVisible(element: Element, onChange: (visible: boolean) => void): () => void {
  const observer = new IntersectionObserver(
    (entries) => onChange(entries.at(-1)?.isIntersecting ?? false),
    { rootMargin: "64px" },
  );
  observer.observe(element);
  return () => observer.disconnect();
}

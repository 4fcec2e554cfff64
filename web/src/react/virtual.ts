import { useEffect, useState, type RefObject } from "react";
import { rowWindow, type RowWindow } from "../core/virtualRows";

/** Which rows of a list on the page are to be drawn; `body` is what holds them, each `row` pixels high. */
export function useRowWindow(body: RefObject<HTMLElement | null>, count: number, row: number): RowWindow {
  const [seen, setSeen] = useState({ top: -200, height: 1000 });
  useEffect(() => {
    let frame = 0;
    const measure = () => {
      frame = 0;
      const box = body.current?.getBoundingClientRect();
      if (box === undefined) return;
      // In steps of some rows: not each pixel of a scroll is a render.
      const top = Math.floor(-box.top / (row * 4)) * row * 4;
      const height = innerHeight + row * 4;
      setSeen((old) => (old.top === top && old.height === height ? old : { top, height }));
    };
    const soon = () => {
      frame ||= requestAnimationFrame(measure);
    };
    measure();
    addEventListener("scroll", soon, { passive: true });
    addEventListener("resize", soon);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("scroll", soon);
      removeEventListener("resize", soon);
    };
    // The list moves down when something appears above it: its length tells, mostly.
  }, [body, row, count]);
  return rowWindow(count, row, seen.top, seen.height);
}

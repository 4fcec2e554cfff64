import { useEffect, useRef } from "react";
import { useNavigate } from "react-router";
import { carried } from "./carried";
import { PLACES } from "./pages";
import { useCopyLink } from "../react/copy";
import { usePauseToggle } from "../react/pause";
import { useRange } from "../react/range";
import { useUi } from "../react/ui";

const AFTER_G_MS = 1200;

/** Keys of the whole page. They keep quiet while somebody writes or something lies over the page. */
export function useKeys(): void {
  const navigate = useNavigate();
  const toggle = usePauseToggle();
  const copyLink = useCopyLink();
  const { goLive } = useRange();
  const open = useUi((ui) => ui.open);
  const switchTheme = useUi((ui) => ui.switchTheme);
  const gAt = useRef(0);

  useEffect(() => {
    const plain: Record<string, () => void> = {
      " ": toggle,
      "/": () => {
        const field = document.querySelector<HTMLInputElement>("input[data-search]");
        if (field) field.select();
        else open("palette");
      },
      "?": () => open("keys"),
      y: copyLink,
      l: goLive,
      t: switchTheme,
    };
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        open("palette");
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || isBusy(event)) return;
      const afterG = event.timeStamp - gAt.current < AFTER_G_MS;
      gAt.current = event.key === "g" ? event.timeStamp : 0;
      const place = afterG ? PLACES.find(({ key }) => key === event.key) : undefined;
      const run = place
        ? () => void navigate({ pathname: place.path, search: carried(location.search) })
        : plain[event.key];
      if (run === undefined) return;
      event.preventDefault();
      run();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [navigate, toggle, copyLink, goLive, open, switchTheme]);
}

function isBusy(event: KeyboardEvent): boolean {
  // A sheet that is still loading has no dialog yet, and what is typed is meant for it.
  if (useUi.getState().sheet !== null) return true;
  const target = event.target instanceof HTMLElement ? event.target : null;
  if (target === null) return false;
  if (document.querySelector("dialog[open]")) return true;
  if (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return true;
  // Space presses the button that has the focus.
  return event.key === " " && /^(BUTTON|A|SUMMARY)$/.test(target.tagName);
}

import { useCallback } from "react";
import { useLive, usePaused } from "./live";
import { SPAN_S } from "./range";
import { useUi } from "./ui";

/** Puts a text on the clipboard and says whether that worked. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

/** Outside of https and localhost there is no clipboard object. */
function copyBySelection(text: string): boolean {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "sr";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

/** A link to what is seen now: a moving view is written as the stretch that it shows. */
export function useCopyLink(): () => void {
  const live = useLive();
  const { range } = usePaused();
  const say = useUi((ui) => ui.say);
  return useCallback(() => {
    const url = new URL(location.href);
    if (range.kind === "live") {
      const end = live.clock.now() - live.interval;
      url.searchParams.set("from", (end - SPAN_S).toFixed(1));
      url.searchParams.set("to", end.toFixed(1));
    }
    void copyText(url.href).then((done) =>
      say(done ? "Link to this stretch copied" : "The browser refused to copy; take the address bar"),
    );
  }, [live, range, say]);
}

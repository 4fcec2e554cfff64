import { useEffect, useLayoutEffect, useRef } from "react";
import { useLocation, useNavigationType } from "react-router";

/** How far down each page was when it was left. */
const depths = new Map<string, number>();

/** What a link back to a list carries: that one wants to be where one was. */
export const BACK = { back: true } as const;

/** A new page begins at its top; on the way back it stands where it stood. */
export function useScrollMemory(): void {
  const { pathname, state } = useLocation();
  const pop = useNavigationType() === "POP";
  const back = pop || (state as { back?: boolean } | null)?.back === true;
  const place = useRef(pathname);
  useLayoutEffect(() => {
    // First: the jump is told of later, and must not count for the page that was left.
    place.current = pathname;
    scrollTo(0, back ? (depths.get(pathname) ?? 0) : 0);
    // Only where one comes to counts, not what else changes in the address meanwhile.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [pathname]);
  useEffect(() => {
    const note = () => depths.set(place.current, scrollY);
    addEventListener("scroll", note, { passive: true });
    return () => removeEventListener("scroll", note);
  }, []);
}

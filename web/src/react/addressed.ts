import { useCallback } from "react";
import { useSearchParams } from "react-router";

/** The address after `?`, and how to change parts of it: null and "" take a part away. */
export function useAddress(): [URLSearchParams, (changes: Readonly<Record<string, string | null>>) => void] {
  const [params, setParams] = useSearchParams();
  const change = useCallback(
    (changes: Readonly<Record<string, string | null>>) =>
      setParams((old) => changed(old, changes), { replace: true, preventScrollReset: true }),
    [setParams],
  );
  return [params, change];
}

export function changed(old: URLSearchParams, changes: Readonly<Record<string, string | null>>): URLSearchParams {
  const next = new URLSearchParams(old);
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === "") next.delete(key);
    else next.set(key, value);
  }
  return next;
}

import type { ReactNode } from "react";
import { Link, useSearchParams } from "react-router";
import { carried } from "./carried";

interface Props {
  to: string;
  className?: string;
  /** Open the details of this source there. */
  source?: string;
  children: ReactNode;
}

/** A link to another page that keeps project and stretch. */
export function PageLink({ to, className, source, children }: Props) {
  const [params] = useSearchParams();
  const search = new URLSearchParams(carried(params));
  if (source !== undefined) search.set("source", source);
  return (
    <Link className={className} to={{ pathname: to, search: search.toString() }}>
      {children}
    </Link>
  );
}

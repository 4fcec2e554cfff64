import type { ReactNode } from "react";
import { Link, useSearchParams } from "react-router";
import { carried } from "./carried";

/** A link to another page that keeps project and stretch. */
export function PageLink({ to, className, children }: { to: string; className?: string; children: ReactNode }) {
  const [params] = useSearchParams();
  return (
    <Link className={className} to={{ pathname: to, search: carried(params) }}>
      {children}
    </Link>
  );
}

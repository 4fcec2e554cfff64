import type { ReactNode } from "react";
import { Link, useSearchParams } from "react-router";
import type { NameKind } from "../core/wire";
import { carried } from "./carried";
import { namePath } from "./namePaths";

interface Props {
  kind: NameKind;
  name: string;
  className?: string;
  children?: ReactNode;
}

/** To the page of one name. */
export function NameLink({ kind, name, className, children }: Props) {
  const [params] = useSearchParams();
  return (
    <Link className={className} to={{ pathname: namePath(kind, name), search: carried(params) }}>
      {children ?? name}
    </Link>
  );
}

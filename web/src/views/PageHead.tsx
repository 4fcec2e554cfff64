import type { ReactNode } from "react";
import { formatClock } from "../core/format";
import { Status } from "./Icon";

interface Props {
  title: string;
  note?: string;
  stale?: number | undefined;
  /** In the title's place, where a page has several. */
  tabs?: ReactNode;
}

export function PageHead({ title, note, stale, tabs }: Props) {
  return (
    <header className="hd">
      <h1 className={tabs ? "sr" : undefined}>{title}</h1>
      {tabs}
      <p>
        {stale !== undefined && (
          <span className="st-t warn">
            <Status shape="warn" />
            as of {formatClock(stale)}
          </span>
        )}{" "}
        {note}
      </p>
    </header>
  );
}

/** A row of figures, each under its name, with the colour of a status if it has one; `wide` has eight of them. */
export function Figures({ items, wide = false }: { items: readonly (readonly [string, string, string?])[]; wide?: boolean }) {
  return (
    <dl className={wide ? "figures eight" : "figures"}>
      {items.map(([name, figure, tone]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd className={tone}>{figure}</dd>
        </div>
      ))}
    </dl>
  );
}

import { formatClock } from "../core/format";
import { Status } from "./Icon";

interface Props {
  title: string;
  note?: string;
  stale?: number | undefined;
}

export function PageHead({ title, note, stale }: Props) {
  return (
    <header className="hd">
      <h1>{title}</h1>
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

/** A row of figures, each under its name. */
export function Figures({ items }: { items: readonly (readonly [string, string])[] }) {
  return (
    <dl className="figures">
      {items.map(([name, figure]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{figure}</dd>
        </div>
      ))}
    </dl>
  );
}

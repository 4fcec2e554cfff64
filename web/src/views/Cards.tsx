import { Sparkline } from "../charts/Sparkline";
import { viewWindow } from "../charts/viewWindow";
import { formatClock, NONE } from "../core/format";
import { useLive, usePaused, useShown } from "../react/live";
import { CARDS, changeOver, type CardSpec, type Topics } from "./cards";
import { Icon, Status } from "./Icon";

const LEVEL_WORDS = { good: "within its limits", warn: "over the first limit", crit: "over the second limit" };

/** The eight figures. `stale` is since when they are not renewed any more. */
export function Cards({ stale }: { stale: number | undefined }) {
  const topics: Topics = {
    system: useShown("system"),
    actions: useShown("actions"),
    events: useShown("events"),
  };
  return (
    <section className="cards" aria-label="Figures of the last 60 s">
      {CARDS.map((spec) => (
        <Card key={spec.id} spec={spec} topics={topics} stale={stale} />
      ))}
    </section>
  );
}

interface CardProps {
  spec: CardSpec;
  topics: Topics;
  stale: number | undefined;
}

function Card({ spec, topics, stale }: CardProps) {
  const live = useLive();
  const { range } = usePaused();
  const value = spec.value(topics);
  const measured = value !== undefined;
  const figure = measured ? spec.figure(value, topics) : { value: NONE, unit: "" };
  const level = measured ? spec.level?.(value) : undefined;
  const [from, to] = viewWindow(live, range);
  const change = measured ? changeOver(spec.read(live, from, to)) : undefined;
  return (
    <article
      className={stale === undefined ? "card" : "card stale"}
      data-testid={`card-${spec.id}`}
      data-level={level}
      data-measured={measured}
    >
      <h2>
        {spec.name}
        {level && (
          <>
            <Status shape={level} />
            <span className="sr">{LEVEL_WORDS[level]}</span>
          </>
        )}
      </h2>
      <div className="v">
        <span data-testid="value">{figure.value}</span>
        {figure.unit && <small>{figure.unit}</small>}
      </div>
      <Sparkline read={spec.read} bars={spec.bars ?? false} {...spec.scale} />
      <div className="f">
        {!measured ? (
          "not measured"
        ) : stale !== undefined ? (
          `as of ${formatClock(stale)}`
        ) : (
          <>
            <Change difference={change} text={spec.change} />
            {spec.foot(topics)}
          </>
        )}
      </div>
    </article>
  );
}

function Change({ difference, text }: { difference: number | undefined; text: (d: number) => string }) {
  const words = difference === undefined ? "" : text(difference);
  if (difference === undefined || words === "") return <span />;
  const flat = /^0\b/.test(words) && !/[1-9]/.test(words);
  return (
    <span title="Change over the stretch in view">
      <Icon name={flat ? "flat" : difference > 0 ? "up" : "dn"} />
      {words}
    </span>
  );
}

import { Sparkline } from "../charts/Sparkline";
import { viewWindow } from "../charts/viewWindow";
import { formatClock, NONE, type Figure } from "../core/format";
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

function FigureText({ figure, short, className }: { figure: Figure; short?: boolean; className?: string }) {
  return (
    <span className={className}>
      <b data-testid={short ? "value-short" : "value"}>{figure.value}</b>
      {figure.unit && <small>{figure.unit}</small>}
    </span>
  );
}

/** The least room, of the steps in the stylesheet, that holds the figure in the widest of the fonts asked for. */
function room({ value, unit }: Figure): string {
  const digits = value.replace(/\D/g, "").length;
  const wide = 14 * digits + 8 * (value.length - digits) + (unit ? 4 + 7 * unit.length : 0);
  return `room-${Math.min(160, Math.ceil(wide / 16) * 16)}`;
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
  const figure = measured ? spec.figure(value) : { value: NONE, unit: "" };
  const short = measured ? spec.short?.(value) : undefined;
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
      <div className="v" title={[figure.value, figure.unit].join(" ")}>
        {short === undefined || short.value === figure.value ? (
          <FigureText figure={figure} />
        ) : (
          <>
            <FigureText figure={figure} className={`full ${room(figure)}`} />
            <FigureText figure={short} short className={`short ${room(figure)}`} />
          </>
        )}
      </div>
      <Sparkline read={spec.read} bars={spec.bars ?? false} {...spec.scale} />
      <div className="f" title={spec.note}>
        {!measured ? (
          "not measured"
        ) : stale !== undefined ? (
          `as of ${formatClock(stale)}`
        ) : (
          <>
            <Change difference={change} text={spec.change} />
            <i>{spec.foot(topics)}</i>
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

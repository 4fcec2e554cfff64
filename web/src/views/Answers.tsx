import { comparedWith, isRunning, isSlow, notKnown, sinceWhen, where, type Answer } from "../core/answers";
import { pace } from "../core/pace";
import { useLive, usePaused, useShown, useShownNow, useUnheard } from "../react/live";
import { Status } from "./Icon";

/** The five questions, each with an answer and what it rests on. */
export function Answers() {
  const live = useLive();
  const { frozen } = usePaused();
  const now = useShownNow();
  const sources = useShown("sources");
  const actions = useShown("actions");
  const unheard = useUnheard();
  const running = isRunning(sources, now);
  const compared = pace(frozen ? frozen.namesSeen : live.namesSeen);
  const rows: [string, string, Answer][] = [
    ["running", "Is it running", unheard === undefined || frozen ? running : notKnown(running, unheard)],
    ["slow", "Is it slow", isSlow(compared, actions, sources?.live, now)],
    ["where", "Where", where(compared, actions?.names)],
    ["since", "Since when", sinceWhen(sources, now)],
    ["compared", "Compared with", comparedWith(compared)],
  ];
  return (
    <dl className={unheard === undefined ? "answers" : "answers stale"}>
      {rows.map(([id, question, answer]) => (
        <div key={id} data-testid={`answer-${id}`}>
          <dt>{question}</dt>
          <dd>
            <b title={answer.text}>
              {answer.shape && <Status shape={answer.shape} />}
              <span className={answer.code ? "code" : undefined}>{answer.text}</span>
            </b>
            <span title={answer.evidence}>{answer.evidence}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

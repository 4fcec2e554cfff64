import { useState } from "react";
import { forgetting } from "../core/forget";
import type { Source } from "../core/wire";
import { useLink, useLive } from "../react/live";
import { useUi } from "../react/ui";
import { Dialog } from "./Dialog";

interface Props {
  source: Source;
  onForgotten: () => void;
}

/** Takes an ended source with all its figures out of the server, once somebody has said so twice. */
export function Forget({ source, onForgotten }: Props) {
  const role = useLink().hello?.role;
  const [asks, setAsks] = useState(false);
  if (role !== "control") return null;
  return (
    <>
      <button className="btn danger" data-testid="forget" onClick={() => setAsks(true)}>
        Forget
      </button>
      {asks && <Sure source={source} onClose={() => setAsks(false)} onForgotten={onForgotten} />}
    </>
  );
}

function Sure({ source, onForgotten, onClose }: Props & { onClose: () => void }) {
  const live = useLive();
  const say = useUi((ui) => ui.say);
  const [answer, setAnswer] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const name = source.service ?? source.id;
  const forget = async () => {
    setBusy(true);
    const { done, words } = await forgetting(
      () => live.request(`/api/sources/${encodeURIComponent(source.id)}`, undefined, { method: "DELETE" }),
      name,
    );
    setBusy(false);
    if (!done) {
      setAnswer(words);
      return;
    }
    say(words);
    onClose();
    onForgotten();
  };
  return (
    <Dialog label={`Forget ${name}?`} className="sheet" onClose={onClose}>
      <header>
        <h2>Forget {name}?</h2>
      </header>
      <div className="sure">
        <p>
          Its record of {source.host && `${source.host}, `}pid {source.pid} goes for good: its frames, figures and errors.
        </p>
        {answer !== null && (
          <p className="crit" role="alert" data-testid="forget-answer">
            {answer}
          </p>
        )}
        <div className="buttons">
          <button className="btn" onClick={onClose}>
            {answer === null ? "Keep it" : "Close"}
          </button>
          <button className="btn danger" data-testid="forget-sure" disabled={busy} onClick={() => void forget()}>
            Forget it
          </button>
        </div>
      </div>
    </Dialog>
  );
}

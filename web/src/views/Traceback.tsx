import { useMemo, useState } from "react";
import { count, formatNumber } from "../core/format";
import { traceParts, type TraceFrame } from "../core/traceback";
import { copyText } from "../react/copy";
import { useUi } from "../react/ui";
import { Icon } from "./Icon";

/** A traceback as Python prints it: the program's own calls stand out, those of libraries recede. */
export function Traceback({ text }: { text: string }) {
  const say = useUi((ui) => ui.say);
  const parts = useMemo(() => traceParts(text), [text]);
  const frames = parts.filter((part) => part.kind === "frame");
  const foreign = frames.filter((frame) => !frame.own).length;
  const [ownOnly, setOwnOnly] = useState(false);
  const copy = () =>
    void copyText(text).then((done) => say(done ? "Traceback copied" : "The browser refused to copy; select the text instead"));
  return (
    <div className="trace">
      <div className="trace-bar">
        <span>
          {count(frames.length - foreign, "own call")}, {formatNumber(foreign)} of libraries
        </span>
        {foreign > 0 && foreign < frames.length && (
          <button className="link" aria-pressed={ownOnly} onClick={() => setOwnOnly(!ownOnly)}>
            {ownOnly ? "Show all" : "Own only"}
          </button>
        )}
        <button className="btn" onClick={copy}>
          <Icon name="copy" />
          Copy
        </button>
      </div>
      <pre tabIndex={0} aria-label="Traceback" data-testid="traceback">
        {parts.map((part, i) => {
          if (part.kind === "text") return <span key={i} className="trace-text">{part.lines.join("\n")}</span>;
          if (ownOnly && !part.own) return null;
          return <Call key={i} frame={part} />;
        })}
      </pre>
    </div>
  );
}

function Call({ frame }: { frame: TraceFrame }) {
  const { file, line, call, own, lines } = frame;
  return (
    <span className={own ? "trace-own" : "trace-library"} data-own={own}>
      {"  File "}
      <i>{`"${file}"`}</i>
      {`, line ${line}`}
      {call && `, in ${call}`}
      {lines.map((text, i) => (
        <span key={i}>{text}</span>
      ))}
    </span>
  );
}

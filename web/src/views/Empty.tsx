import { useEffect, useState, type ReactNode } from "react";
import { formatSpan } from "../core/format";
import { copyText } from "../react/copy";
import { useLink, useLive } from "../react/live";
import { useUi } from "../react/ui";
import { Icon, Status } from "./Icon";
import { PageLink } from "./PageLink";
import { PLACES } from "./pages";

const PROGRAM = `import tachograph as tacho

@tacho.action                       # every call timed, success or failure
def resize(path): ...

for path in paths:
    resize(path)
`;
const RUN = "python job.py";
const WRAP = "tacho run -- python job.py";

/** No source has ever been seen: what to paste, whether anybody listens, what will be here. */
export function Empty() {
  const { project } = useLive();
  return (
    <div className="hello" data-testid="empty">
      <div>
        <h1>Nothing recorded yet</h1>
        <p className="lead">
          {project === null
            ? "Put two lines in a program and run it. This page fills by itself with the first frame: no reload, no account, nothing else to install."
            : `No source of the project ${project} has been seen yet. This page fills by itself with the first frame.`}
        </p>
        <Step n={1} title="Paste two lines" text={<>The marked lines are new.</>} code={PROGRAM}>
          <Program />
        </Step>
        <Step n={2} title="Run it as always" text="In the same account as this server; which of the two starts first does not matter." code={RUN}>
          <Shell>{RUN}</Shell>
        </Step>
        <Step
          n={3}
          title="Or change nothing"
          text={
            <>
              <code>tacho run</code> records any command: its CPU, memory, processes, and how it ended.
            </>
          }
          code={WRAP}
        >
          <Shell>{WRAP}</Shell>
        </Step>
        <div className="foot">
          <span>Start order does not matter</span>
          <span>A killed program leaves its record</span>
          <span>Ctrl K finds everything, ? shows the keys</span>
        </div>
      </div>
      <div>
        <Listening />
        <WhatWillBeHere />
      </div>
    </div>
  );
}

interface StepProps {
  n: number;
  title: string;
  text: ReactNode;
  code: string;
  children: ReactNode;
}

function Step({ n, title, text, code, children }: StepProps) {
  return (
    <div className="step">
      <b aria-hidden="true">{n}</b>
      <div>
        <h2>{title}</h2>
        <p>{text}</p>
        <Code text={code} of={title}>
          {children}
        </Code>
      </div>
    </div>
  );
}

/** A snippet with a button that copies it and says so. */
export function Code({ text, of, children }: { text: string; of: string; children: ReactNode }) {
  const [copied, setCopied] = useState(false);
  const say = useUi((ui) => ui.say);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () =>
    void copyText(text).then((done) => {
      setCopied(done);
      if (!done) say("The browser refused to copy; mark the text instead");
    });
  return (
    <div className="code-box">
      <pre tabIndex={0}>{children}</pre>
      <button className="btn" onClick={copy} aria-label={`Copy: ${of}`}>
        <Icon name="copy" />
        {copied ? "Copied" : "Copy"}
      </button>
    </div>
  );
}

function Program() {
  return (
    <>
      <ins>
        <i>import</i> tachograph <i>as</i> tacho
      </ins>
      <span>{" "}</span>
      <ins>
        @tacho.action <em>{"                   # every call timed, success or failure"}</em>
      </ins>
      <span>
        <i>def</i> resize(path): ...
      </span>
      <span>{" "}</span>
      <span>
        <i>for</i> path <i>in</i> paths:
      </span>
      <span>{"    resize(path)"}</span>
    </>
  );
}

function Shell({ children }: { children: string }) {
  return (
    <>
      <em>$ </em>
      {children}
    </>
  );
}

/** How long this panel has been on the page. */
function useSecondsHere(): number {
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const start = performance.now();
    const timer = setInterval(() => setSeconds((performance.now() - start) / 1000), 1000);
    return () => clearInterval(timer);
  }, []);
  return seconds;
}

function Listening() {
  const link = useLink();
  const waited = useSecondsHere();
  const connected = link.state === "live";
  const trip = link.roundTripMs === undefined ? "measuring" : `${Math.max(1, Math.round(link.roundTripMs))} ms`;
  return (
    <>
      <div className="wait">
        <Dial />
        <div role="status">
          <h2>{connected ? "Listening" : "Not connected"}</h2>
          <p>{connected ? `for ${formatSpan(waited)}, no frame yet` : "the page tries again by itself"}</p>
        </div>
      </div>
      <ul className="checks" data-testid="listening">
        <Check done={connected} name="Server runs" figure={link.hello?.host ?? location.host} />
        <Check done={connected} name="Journal is followed" figure={link.hello?.home ?? ""} mono />
        <Check
          done={connected}
          name="This page is connected"
          figure={connected ? `WebSocket, ${trip}` : link.state}
        />
        <Check done={false} busy name="First source says hello" figure="waiting" />
        <Check done={false} name="First frame is shown" figure="" />
      </ul>
    </>
  );
}

interface CheckProps {
  done: boolean;
  busy?: boolean;
  name: string;
  figure: string;
  mono?: boolean;
}

function Check({ done, busy, name, figure, mono }: CheckProps) {
  return (
    <li className={done ? "" : "todo"}>
      <Status shape={done ? "good" : busy ? "busy" : "idle"} />
      <span>{name}</span>
      <span className={mono ? "z mono" : "z"} title={figure}>
        {figure}
      </span>
    </li>
  );
}

function Dial() {
  const ticks = Array.from({ length: 60 }, (_, i) => {
    const angle = (i * 6 * Math.PI) / 180;
    const inner = i % 5 === 0 ? 27 : 30;
    const [sin, cos] = [Math.sin(angle), -Math.cos(angle)];
    return <line key={i} x1={36 + sin * inner} y1={36 + cos * inner} x2={36 + sin * 32} y2={36 + cos * 32} />;
  });
  return (
    <svg className="dial" width="72" height="72" viewBox="0 0 72 72" fill="none" aria-hidden="true">
      <circle cx="36" cy="36" r="34.5" className="dial-line" />
      <g className="dial-line">{ticks}</g>
      <g className="hand">
        <path d="M36 36V8" className="dial-hand" strokeWidth="1.5" strokeLinecap="round" />
      </g>
      <path d="M36 30.5l3.6 6a4.2 4.2 0 1 1-7.2 0z" className="dial-drop" />
    </svg>
  );
}

function WhatWillBeHere() {
  return (
    <div className="see">
      <h2>What will be here</h2>
      <ul>
        {PLACES.map((place) => (
          <li key={place.path}>
            <Icon name={place.icon} />
            <b>{place.path === "/" ? place.name : <PageLink to={place.path}>{place.name}</PageLink>}</b>
            <span>{place.about}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

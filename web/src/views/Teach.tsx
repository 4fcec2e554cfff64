import type { ReactNode } from "react";
import { useTopic } from "../react/live";
import { Code } from "./Empty";
import { PageHead } from "./PageHead";
import { PageLink } from "./PageLink";
import { Status } from "./Icon";

export type TeachPage = "pipelines" | "actions" | "events" | "system" | "quality" | "metrics" | "alerts" | "sources";

interface Lesson {
  readonly title: string;
  readonly lead: string;
  /** What this page can't do yet, in plain words; absent when pasting is all it takes. */
  readonly state?: string;
  readonly points: readonly string[];
  readonly code?: { readonly of: string; readonly text: string };
}

const LESSONS: Record<TeachPage, Lesson> = {
  pipelines: {
    title: "Pipelines",
    lead: "Long runs with steps: how far, when done, and which step holds them back.",
    state: "Nothing records pipelines yet in this version. Steps that you time as actions are on the Actions page.",
    points: ["progress with what is left", "steps of each run on a timeline", "the bottleneck, named in words"],
    code: {
      of: "steps as actions",
      text: `import tachograph as tacho

with tacho.action("analyze"):
    for path in paths:
        with tacho.action("hash"):
            ...
`,
    },
  },
  actions: {
    title: "Actions",
    lead: "Every call of what you name, timed exactly: p50, p95, p99, errors, and where the time goes.",
    points: ["one row per name, sorted by what you want to know", "self time apart from what it calls", "the last minute against all before"],
    code: {
      of: "an action",
      text: `import tachograph as tacho

@tacho.action
def resize(path): ...

with tacho.action("upload"):
    ...
`,
    },
  },
  events: {
    title: "Events",
    lead: "Whatever comes in and is handled: messages, requests, rows of a queue, each timed exactly.",
    points: ["one row per name: how many, how long, how many failed", "each name over time, with its last errors", "the queue that waits"],
    code: {
      of: "an event",
      text: `import tachograph as tacho

with tacho.event("message"):
    ...

tacho.event("row").record(processing_s=0.05)
`,
    },
  },
  system: {
    title: "System",
    lead: "CPU, memory, threads, open files and storage of each program that reports, and of all together.",
    points: ["share of the cores that are really available", "each process counted once, and shown by itself", "how far an event loop is behind, how long collecting garbage takes"],
    code: { of: "record any program", text: "tacho run -- python job.py\n" },
  },
  quality: {
    title: "Quality",
    lead: "One figure for the code's health, and what it is made of: coverage, naming, structure, lint.",
    state: "Nothing computes it yet in this version, so there is no figure to show.",
    points: ["a score with its four parts", "by component and by file", "since which commit"],
  },
  metrics: {
    title: "Metrics",
    lead: "Your own counters and gauges, and numbers from your database, with trends.",
    state: "This version records counters, gauges and timers but does not draw them here yet.",
    points: ["each series over time", "against the hour, the day and the week before", "limits, with what they mean"],
    code: {
      of: "counters and gauges",
      text: `import tachograph as tacho

tacho.counter("files.skipped").add(1)
tacho.gauge("queue.depth", unit="items").set(5)
`,
    },
  },
  alerts: {
    title: "Alerts",
    lead: "A rule over any figure, and a word to you when it holds.",
    state: "This version evaluates no rules yet, so nothing can have fired.",
    points: ["what fires now, and since when", "acknowledge and silence", "mail, chat or a webhook"],
  },
  sources: {
    title: "Sources",
    lead: "Each process that reports: live, ended or killed, and what was lost of what it sent.",
    points: ["frames sent, received and lost", "how and when each one ended", "a killed program leaves its record"],
    code: { of: "record any program", text: "tacho run -- python job.py\n" },
  },
};

/** A page that has nothing to show: what will be here and how to get it, without empty promises. */
export function Teach({ page, tabs }: { page: TeachPage; tabs?: ReactNode }) {
  const lesson = LESSONS[page];
  const total = useTopic("sources")?.total;
  return (
    <div className="teach" data-testid={`teach-${page}`}>
      <PageHead title={lesson.title} tabs={tabs} />
      <p className="lead">{lesson.lead}</p>
      {lesson.state && (
        <Note>
          <Status shape="idle" />
          {lesson.state}
        </Note>
      )}
      {!lesson.state && total === 0 && (
        <Note>
          <Status shape="busy" />
          No source has reported yet; this page fills by itself.
        </Note>
      )}
      {!lesson.state && total !== undefined && total > 0 && (
        <Note>
          <Status shape="busy" />
          No source has recorded one yet; this page fills by itself.
        </Note>
      )}
      <h2>What will be here</h2>
      <ul className="teach-points">
        {lesson.points.map((point) => (
          <li key={point}>{point}</li>
        ))}
      </ul>
      {lesson.code && (
        <>
          <h2>What to paste</h2>
          <Code text={lesson.code.text} of={lesson.code.of}>
            {lesson.code.text.trimEnd()}
          </Code>
        </>
      )}
      <p className="teach-back">
        <PageLink className="link" to="/">
          Back to the overview
        </PageLink>
      </p>
    </div>
  );
}

function Note({ children }: { children: ReactNode }) {
  return <p className="note-line">{children}</p>;
}

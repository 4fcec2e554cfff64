/** One call of a traceback. */
export interface TraceFrame {
  readonly kind: "frame";
  readonly file: string;
  readonly line: number;
  readonly call: string;
  /** The program's own code, not a library's and not Python's. */
  readonly own: boolean;
  /** The source line and what marks a place in it, as they were printed. */
  readonly lines: readonly string[];
}

/** Anything else: what it is, what the exception says, which came during another. */
export interface TraceText {
  readonly kind: "text";
  readonly lines: readonly string[];
}

const PLACE = /^ {2}File "(.*)", line (\d+)(?:, in (.*))?$/;
const LIBRARY = /[/\\](site-packages|dist-packages|lib[/\\]python\d)[/\\.]|^<frozen /;

/** The parts of a traceback as Python prints it, in their order; nothing is left out. */
export function traceParts(trace: string): (TraceFrame | TraceText)[] {
  const parts: (TraceFrame | TraceText)[] = [];
  for (const line of trace.replace(/\n+$/, "").split("\n")) {
    const place = PLACE.exec(line);
    const last = parts.at(-1);
    if (place) {
      const [, file = "", number = "0", call = ""] = place;
      parts.push({ kind: "frame", file, line: Number(number), call, own: !LIBRARY.test(file), lines: [] });
    } else if (last?.kind === "frame" && line.startsWith("    ")) {
      parts[parts.length - 1] = { ...last, lines: [...last.lines, line] };
    } else if (last?.kind === "text") {
      parts[parts.length - 1] = { kind: "text", lines: [...last.lines, line] };
    } else {
      parts.push({ kind: "text", lines: [line] });
    }
  }
  return parts;
}

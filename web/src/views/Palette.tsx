import { Command } from "cmdk";
import { useEffect, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { formatNumber } from "../core/format";
import { projectsOf } from "../core/sources";
import type { NameKind, NameRow, Source } from "../core/wire";
import { useCopyLink } from "../react/copy";
import { useLive, useTopic } from "../react/live";
import { namesOf } from "../react/names";
import { usePauseToggle } from "../react/pause";
import { useUi } from "../react/ui";
import { carried } from "./carried";
import { Dialog } from "./Dialog";
import { Icon, shapeOf, Status, type IconName } from "./Icon";
import { namePath } from "./namePaths";
import { PLACES } from "./pages";

/** Of each kind. */
const NAMES_LISTED = 50;
const TYPING_MS = 120;

/** Finds pages, actions and sources, and does what the keys do. */
export default function Palette({ only }: { only?: "projects" }) {
  const open = useUi((ui) => ui.open);
  const close = () => open(null);
  const [search, setSearch] = useState("");
  return (
    <Dialog label={only ? "Choose a project" : "Search or run a command"} className="palette" onClose={close}>
      <Command loop filter={match} label={only ? "Projects" : "Commands"} data-testid="palette">
        <div className="palette-query">
          <Icon name="search" />
          <Command.Input
            value={search}
            onValueChange={setSearch}
            placeholder={only ? "Find a project" : "Search or run a command"}
          />
        </div>
        <Command.List>
          <Command.Empty className="palette-none">Nothing is called “{search}”</Command.Empty>
          {!only && <Pages done={close} />}
          {!only && <Commands done={close} />}
          <Projects done={close} />
          {!only && <Found done={close} search={search.trim()} />}
        </Command.List>
      </Command>
    </Dialog>
  );
}

/** The kind of an item stands before its name: "page Actions", "action resize". */
function match(value: string, search: string, keywords: string[] = []): number {
  const wanted = search.trim().toLowerCase();
  const whole = value.toLowerCase();
  const name = whole.slice(whole.indexOf(" ") + 1);
  if (name.startsWith(wanted)) return 1;
  if (name.includes(wanted)) return 0.8;
  if (whole.includes(wanted)) return 0.4;
  return keywords.some((word) => word.toLowerCase().includes(wanted)) ? 0.2 : 0;
}

interface Done {
  done: () => void;
}

function Pages({ done }: Done) {
  const navigate = useNavigate();
  const [params] = useSearchParams();
  return (
    <Command.Group heading="Go to">
      {PLACES.map((place) => (
        <Command.Item
          key={place.path}
          value={`page ${place.name}`}
          keywords={[place.about]}
          onSelect={() => {
            done();
            void navigate({ pathname: place.path, search: carried(params) });
          }}
        >
          <Icon name={place.icon} />
          <b>{place.name}</b>
          <span>
            <kbd>G</kbd> <kbd>{place.key.toUpperCase()}</kbd>
          </span>
        </Command.Item>
      ))}
    </Command.Group>
  );
}

function Commands({ done }: Done) {
  const toggle = usePauseToggle();
  const copyLink = useCopyLink();
  const switchTheme = useUi((ui) => ui.switchTheme);
  const open = useUi((ui) => ui.open);
  const paused = new URLSearchParams(location.search).has("to");
  const commands: [string, IconName, string, () => void][] = [
    [paused ? "Go on, live" : "Pause the view", paused ? "play" : "pause", "Space", toggle],
    ["Copy a link to this stretch", "link", "Y", copyLink],
    ["Switch the theme", "theme", "T", switchTheme],
  ];
  return (
    <Command.Group heading="Do">
      {commands.map(([name, icon, key, run]) => (
        <Command.Item
          key={name}
          value={`do ${name}`}
          onSelect={() => {
            done();
            run();
          }}
        >
          <Icon name={icon} />
          <b>{name}</b>
          <span>
            <kbd>{key}</kbd>
          </span>
        </Command.Item>
      ))}
      <Command.Item value="do Show the keys" onSelect={() => open("keys")}>
        <Icon name="keys" />
        <b>Show the keys</b>
        <span>
          <kbd>?</kbd>
        </span>
      </Command.Item>
    </Command.Group>
  );
}

/** All projects, also those that the page doesn't show now: asked of the server. */
function Projects({ done }: Done) {
  const [params, setParams] = useSearchParams();
  const here = useTopic("sources");
  const [asked, setAsked] = useState<readonly Source[]>([]);
  useEffect(() => {
    const stop = new AbortController();
    fetch("/api/sources", { signal: stop.signal })
      .then((response) => (response.ok ? response.json() : { items: [] }))
      .then((body: { items?: Source[] }) => setAsked(body.items ?? []))
      .catch(() => undefined);
    return () => stop.abort();
  }, []);
  const projects = projectsOf([...asked, ...Object.values(here?.sources ?? {})]);
  const choose = (project: string | null) => {
    done();
    setParams((old) => {
      const next = new URLSearchParams(old);
      if (project === null) next.delete("project");
      else next.set("project", project);
      return next;
    });
  };
  const chosen = params.get("project");
  return (
    <Command.Group heading="Projects">
      <Command.Item value="project all projects" onSelect={() => choose(null)}>
        <Status shape={chosen === null ? "good" : "idle"} />
        <b>All projects</b>
        <span>{chosen === null ? "shown" : ""}</span>
      </Command.Item>
      {[...projects].map(([project, services]) => (
        <Command.Item key={project} value={`project ${project}`} onSelect={() => choose(project)}>
          <Status shape={chosen === project ? "good" : "idle"} />
          <b>{project}</b>
          <span>{[...services].join(", ")}</span>
        </Command.Item>
      ))}
    </Command.Group>
  );
}

/** Actions, events and sources by name; only once somebody types. */
function Found({ done, search }: Done & { search: string }) {
  const navigate = useNavigate();
  const [params] = useSearchParams();
  const sources = useTopic("sources");
  const names = useNamesFound(search);
  const idle = search === "";
  const go = (pathname: string, source?: string) => {
    done();
    const next = new URLSearchParams(carried(params));
    if (source !== undefined) next.set("source", source);
    void navigate({ pathname, search: next.toString() });
  };
  return (
    <>
      {KINDS.map((kind) => (
        <Command.Group key={kind} heading={kind === "action" ? "Actions" : "Events"} hidden={idle || names[kind].length === 0}>
          {names[kind].map((row) => (
            <Command.Item key={row.name} value={`${kind} ${row.name}`} onSelect={() => go(namePath(kind, row.name))}>
              <Icon name={kind === "action" ? "actions" : "sources"} />
              <b>{row.name}</b>
              <span>{formatNumber(row.count)} calls</span>
            </Command.Item>
          ))}
        </Command.Group>
      ))}
      <Command.Group heading="Sources" hidden={idle}>
        {Object.values(sources?.sources ?? {}).map((source) => (
          <Command.Item
            key={source.id}
            disabled={idle}
            value={`source ${source.service ?? ""} ${source.pid ?? ""} ${source.id}`}
            onSelect={() => go("/sources", source.id)}
          >
            <Status shape={shapeOf(source.state)} />
            <b>{source.service ?? source.id}</b>
            <span>
              {source.host} · {source.pid} · {source.state}
            </span>
          </Command.Item>
        ))}
      </Command.Group>
    </>
  );
}

const KINDS: readonly NameKind[] = ["action", "event"];
const NOTHING = { action: [], event: [] };

/** The first names that a search finds, asked of the server: there may be more of them than the page knows. */
function useNamesFound(search: string): Readonly<Record<NameKind, readonly NameRow[]>> {
  const live = useLive();
  const [found, setFound] = useState<Readonly<Record<NameKind, readonly NameRow[]>>>(NOTHING);
  useEffect(() => {
    const stop = new AbortController();
    const load = namesOf(live);
    const timer = setTimeout(() => {
      if (search === "") {
        setFound(NOTHING);
        return;
      }
      const ask = (kind: NameKind) => load({ kind, search, service: "", sort: "count", down: true }, 0, NAMES_LISTED, stop.signal);
      Promise.all(KINDS.map(ask))
        .then(([action, event]) => setFound({ action: action?.items ?? [], event: event?.items ?? [] }))
        .catch(() => undefined);
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [live, search]);
  return found;
}

import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { Link, useLocation } from "react-router";
import type { NameList, NameListState } from "../core/nameList";
import type { NameQuery, NameSort } from "../core/nameQuery";
import type { NameRow } from "../core/wire";
import { useRowWindow } from "../react/virtual";
import { carried } from "./carried";
import { NAME_COLUMNS, type NameColumn } from "./nameColumns";
import { namePath } from "./namePaths";

interface Props {
  list: NameList;
  state: NameListState;
  query: NameQuery;
  label: string;
  /** Pixels of a row, as in the stylesheet. */
  rowHeight: number;
  selfAll: number | undefined;
  onSort: (sort: NameSort) => void;
}

/**
 * The rows in view, and the room of all others.
 *
 * While the pointer is over them or one has the focus, each stays where it is.
 */
export function NameRows({ list, state, query, label, rowHeight, selfAll, onSort }: Props) {
  const body = useRef<HTMLTableSectionElement>(null);
  const count = state.matching ?? 0;
  const shown = useRowWindow(body, count, rowHeight);
  const [active, setActive] = useState(0);
  const wanted = useRef<number | null>(null);
  const holds = useRef({ pointer: false, focus: false });
  const { first, end } = shown;

  useEffect(() => list.show(first, end), [list, first, end, state.query]);
  useEffect(() => () => list.hold(false), [list]);
  useEffect(() => {
    // A row that was scrolled away takes its focus along without a word.
    if (holds.current.focus && !body.current?.contains(document.activeElement)) {
      holds.current.focus = false;
      list.hold(holds.current.pointer);
    }
  });
  useEffect(() => {
    if (wanted.current === null) return;
    const row = body.current?.querySelector<HTMLElement>(`[data-place="${wanted.current}"] a`);
    if (row === undefined || row === null) return;
    wanted.current = null;
    row.focus({ preventScroll: true });
  });
  const held = (by: "pointer" | "focus", on: boolean) => {
    holds.current[by] = on;
    list.hold(holds.current.pointer || holds.current.focus);
  };
  const go = (to: number) => {
    const place = Math.max(0, Math.min(count - 1, to));
    wanted.current = place;
    setActive(place);
    intoView(body.current, place, rowHeight);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor(innerHeight / rowHeight) - 6);
    const to = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page, PageUp: active - page, Home: 0, End: count - 1 }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  const places = Array.from({ length: end - first }, (_, i) => first + i);
  const tabbable = active >= first && active < end ? active : first;
  return (
    <table className="tb list" aria-rowcount={count + 1} aria-label={label} aria-busy={list.waiting}>
      <thead>
        <tr aria-rowindex={1}>
          <Head column={{ id: "name", label, title: "Name", text: true }} query={query} onSort={onSort} />
          {NAME_COLUMNS.map((column) => (
            <Head key={column.id} column={column} query={query} onSort={onSort} />
          ))}
        </tr>
      </thead>
      <tbody
        ref={body}
        className={list.waiting ? "asking" : undefined}
        onPointerEnter={(event) => event.pointerType === "mouse" && held("pointer", true)}
        onPointerLeave={() => held("pointer", false)}
        onFocus={(event) => {
          held("focus", true);
          const place = event.target.closest<HTMLElement>("[data-place]")?.dataset.place;
          if (place !== undefined) setActive(Number(place));
        }}
        onBlur={(event) => held("focus", event.currentTarget.contains(event.relatedTarget))}
        onKeyDown={onKeyDown}
      >
        <Room height={shown.before} />
        {places.map((place) => {
          const listed = list.rowAt(place);
          return (
            <tr
              key={place}
              data-testid="name-row"
              data-place={place}
              data-name={listed?.row.name}
              aria-rowindex={place + 2}
              className={listed?.old ? "past" : undefined}
            >
              {listed ? (
                <Cells row={listed.row} query={query} tabbable={place === tabbable} selfAll={selfAll} />
              ) : (
                <td className="name dim">…</td>
              )}
            </tr>
          );
        })}
        <Room height={shown.after} />
      </tbody>
    </table>
  );
}

function Head({ column, query, onSort }: { column: Omit<NameColumn, "cell">; query: NameQuery; onSort: (sort: NameSort) => void }) {
  const { id, label, title } = column;
  const sorts = id === query.sort;
  return (
    <th
      scope="col"
      className={`c-${id} ${column.text ? "" : "num"} ${sorts ? "" : (column.extra ?? "")}`}
      title={title}
      aria-sort={sorts ? (query.down ? "descending" : "ascending") : undefined}
    >
      {id === "recent" ? (
        label
      ) : (
        <button onClick={() => onSort(id)}>
          {label}
          {sorts && <span aria-hidden="true"> {query.down ? "↓" : "↑"}</span>}
        </button>
      )}
    </th>
  );
}

interface CellsProps {
  row: NameRow;
  query: NameQuery;
  tabbable: boolean;
  selfAll: number | undefined;
}

function Cells({ row, query, tabbable, selfAll }: CellsProps) {
  const { search } = useLocation();
  return (
    <>
      <td className="name" title={row.services?.length ? `${row.name}: ${row.services.join(", ")}` : row.name}>
        <Link
          to={{ pathname: namePath(query.kind, row.name), search: carried(search) }}
          state={{ list: search }}
          tabIndex={tabbable ? 0 : -1}
        >
          {row.name}
        </Link>
      </td>
      {NAME_COLUMNS.map((column) => (
        <td
          key={column.id}
          className={`c-${column.id} ${column.text ? "" : "num"} ${column.id === query.sort ? "v1" : (column.extra ?? "")}`}
        >
          {column.cell(row, selfAll)}
        </td>
      ))}
    </>
  );
}

/** The height of rows that aren't there. One cell: a span over columns that are left out would make room for them. */
function Room({ height }: { height: number }) {
  if (height === 0) return null;
  return (
    <tr className="room" aria-hidden="true">
      <td style={{ height }} />
    </tr>
  );
}

/** Scrolls the page so far that a place lies between the heads and the lower edge. */
function intoView(body: HTMLElement | null, place: number, rowHeight: number): void {
  if (body === null) return;
  const heads = body.parentElement?.querySelector("th")?.getBoundingClientRect();
  const top = body.getBoundingClientRect().top + place * rowHeight;
  const upper = (heads?.height ?? 0) + Number.parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--top")) + 8;
  const lower = innerHeight - 72;
  if (top < upper) scrollBy(0, top - upper);
  else if (top + rowHeight > lower) scrollBy(0, top + rowHeight - lower);
}

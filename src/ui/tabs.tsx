/** @jsxImportSource hono/jsx */
/** The pages within a section, and what a page of a list or of a live part is put together from. */
import { raw } from "hono/html";
import type { Child, FC } from "hono/jsx";
import { document, LiveNote } from "./layout.tsx";
import type { Look } from "./look.ts";
import { escapeHtml } from "./markup.ts";
import { partId } from "./part-stream.ts";

const tabs = {
  passes: [
    ["Passes", "/pass"],
    ["Stations", "/station"],
    ["Alarms", "/alarm"],
  ],
  flows: [["Flows", "/flow"]],
  jobs: [
    ["Queues", "/job"],
    ["Jobs", "/job/list"],
    ["Dead letters", "/dead-letter"],
    ["Workers", "/worker"],
  ],
  templates: [
    ["Templates", "/template"],
    ["Runs", "/run"],
    ["Backfills", "/backfill"],
  ],
} as const;

type TabbedSection = keyof typeof tabs;

const labels: Readonly<Record<TabbedSection, string>> = {
  passes: "Passes",
  flows: "Flows",
  jobs: "Jobs",
  templates: "Templates",
};

const Tabs: FC<{ section: TabbedSection; path: string }> = ({ section, path }) => (
  <nav class="tabs" aria-label={labels[section]}>
    {tabs[section].map(([name, href]) => (
      <a href={href} aria-current={path === href ? "page" : undefined}>
        {name}
      </a>
    ))}
  </nav>
);

export interface TabbedPage {
  readonly section: TabbedSection;
  /** Which of the section's pages it is. */
  readonly tab: string;
  readonly title: string;
  readonly islands?: readonly string[];
  /** Between the title and the part: a filter, a form. */
  readonly head?: Child;
  /** Markup that stays live; null: the page has none. */
  readonly part: string | null;
}

/** A page of a section: tabs, title, what does not move, and the live part. */
export function tabbedPage({ section, tab, title, islands = [], head, part }: TabbedPage, look: Look): string {
  return document(
    { section, look, islands: ["part.js", "act.js", ...islands] },
    String(
      <>
        {tabs[section].length === 1 ? null : <Tabs section={section} path={tab} />}
        <div class="title">
          <h1>{title}</h1>
          <span class="spacer" />
          {part === null ? null : <LiveNote />}
        </div>
        {head}
        {part === null ? null : raw(livePart(part, look))}
      </>,
    ),
  );
}

/** The element that stays live, as `part.js` and part-stream.ts know it. */
export const livePart = (part: string, look: Look): string =>
  `<div id="${partId}" class="part" data-live="/component${escapeHtml(look.path)}">${part}</div>`;

export interface Row {
  /** An id of its element, so that it stays the same row as the list moves. */
  readonly id?: string;
  /** Markup, one a column. */
  readonly cells: readonly string[];
}

/** A column's name; with `#` before it: of numbers. */
type Column = string;

/** A table in a card that can be scrolled by keyboard; on a phone each row is a card whose cells say their column. */
export function tableCard(label: string, columns: readonly Column[], rows: readonly Row[], className = ""): string {
  const names = columns.map((column) => column.replace("#", ""));
  const classes = columns.map((column) => (column.startsWith("#") ? ' class="number"' : ""));
  const head = names
    .map((name, i) => `<th scope="col"${classes[i]}>${name || '<span class="unseen">Action</span>'}</th>`)
    .join("");
  const body = rows.map(({ id, cells }) => {
    const own = cells.map((cell, i) => `<td data-column="${names[i]}"${classes[i]}>${cell}</td>`);
    return `<tr${id === undefined ? "" : ` id="${escapeHtml(id)}"`}>${own.join("")}</tr>`;
  });
  return (
    `<section class="card table" aria-label="${escapeHtml(label)}" tabindex="0"><table class="stack told ${className}">` +
    `<thead><tr>${head}</tr></thead><tbody>${body.join("")}</tbody></table></section>`
  );
}

/** `more` is a query of the next page; null: there is none. */
export function olderLink(path: string, more: string | null, words: string): string {
  return more === null ? "" : `<p class="more"><a href="${path}?${escapeHtml(more)}">${words}</a></p>`;
}

export function emptyCard(title: string, html: string): string {
  return `<div class="card empty"><strong>${escapeHtml(title)}</strong><p>${html}</p></div>`;
}

/** @jsxImportSource hono/jsx */
/** The actors on this node, the machines, what rests; and the page that tells a tool where to connect. */
import { raw } from "hono/html";
import type { FC } from "hono/jsx";
import type { PassRow } from "../../model/pass.ts";
import type { SearchRow } from "../../store/search.ts";
import { count } from "../figures.ts";
import { Crumbs, document, LiveNote } from "../layout.tsx";
import type { Look } from "../look.ts";
import { escapeHtml, stateMarkup, timeMarkup } from "../markup.ts";
import type { ActorFilter, ActorPage } from "./actors.ts";
import { chartSvg } from "./chart-svg.ts";
import { type Due, dueMarkup } from "./due.ts";
import { charts, type MachineName, machineNames } from "./machine.ts";

export interface InspectList {
  readonly page: ActorPage;
  readonly filter: ActorFilter;
  /** The query of the next page; null: there is none. */
  readonly more: string | null;
  readonly due: readonly Due[];
  /** What changed last, wherever its actors are. */
  readonly plans: readonly SearchRow[];
  readonly passes: readonly PassRow[];
}

export function listPage(list: InspectList, query: string, look: Look): string {
  const { filter } = list;
  return document(
    { section: "inspect", look, islands: ["inspect-list.js"] },
    String(
      <>
        <div class="title">
          <h1>Inspect</h1>
          <span class="muted">the actors in memory on this node</span>
          <span class="spacer" />
          <LiveNote />
        </div>
        <form class="find inspect-find" method="get" action="/inspect" aria-label="Find actors">
          <input
            type="search"
            name="q"
            value={filter.text}
            placeholder="Name or id; a whole id finds what rests, too"
            aria-label="Name or id"
          />
          <Choice
            name="machine"
            value={filter.machine}
            options={machineNames.filter((name) => name !== "job")}
            all="All machines"
          />
          <Choice name="state" value={filter.state} options={statesOf(filter.machine)} all="All states" />
          <button type="submit">Show</button>
        </form>
        <div id="inspect_part" data-part={`/component/inspect${query}`}>
          {raw(listPart(list, look.nowMs))}
        </div>
        <div class="block">
          <h2>Machines</h2>
          <p class="muted">Each chart is drawn from the machine that runs. A job's is the specification of its rows.</p>
          <ul class="machines">
            {machineNames.map((name) => (
              <li>
                <a class="card" href={`/inspect/machine/${name}`}>
                  <strong>{name}</strong> <span class="muted">{charts[name].states.length} states</span>
                </a>
              </li>
            ))}
          </ul>
        </div>
        <form class="block card padded attach" method="post" action="/inspect/ticket">
          <div>
            <strong>Attach a tool</strong>
            <p class="muted">
              <code>/inspect/ws</code> speaks the messages of @statelyai/inspect. A ticket opens it once, within two
              minutes.
            </p>
          </div>
          <button type="submit">Get an address</button>
        </form>
      </>,
    ),
  );
}

interface ChoiceProps {
  readonly name: string;
  readonly value: string | null;
  readonly options: readonly string[];
  readonly all: string;
}

const Choice: FC<ChoiceProps> = ({ name, value, options, all }) => (
  <select name={name} aria-label={name}>
    <option value="">{all}</option>
    {options.map((option) => (
      <option value={option} selected={option === value}>
        {option}
      </option>
    ))}
  </select>
);

const statesOf = (machine: MachineName | null): string[] => {
  const some = machine === null ? machineNames.filter((name) => name !== "job") : [machine];
  return [...new Set(some.flatMap((name) => charts[name].states.map((state) => state.name)))].sort();
};

/** What of the list stays live. */
export function listPart({ page, filter, more, due, plans, passes }: InspectList, nowMs: number): string {
  const { dataset, product, pass, listener, source } = page.counts;
  const counts = [
    [dataset, "dataset", "datasets"],
    [product, "product", "products"],
    [pass, "pass", "passes"],
    [listener, "listener", "listeners"],
    [source, "source", "sources"],
  ] as const;
  const figures = counts
    .map(([n, one, many]) => `<li><strong>${count(n)}</strong> ${n === 1 ? one : many}</li>`)
    .join("");
  const next = more === null ? "" : `<p class="more"><a href="/inspect?${escapeHtml(more)}">More actors</a></p>`;
  return (
    `<ul class="inspect-counts">${figures}</ul>` +
    (page.actors.length === 0 ? empty(filter, dataset + pass + source) : `${table(page, nowMs)}${next}`) +
    dueMarkup(due, nowMs) +
    resting(plans, passes, nowMs)
  );
}

function table({ actors }: ActorPage, nowMs: number): string {
  const columns = ["Actor", "Machine", "State", "About", "Changed"];
  const rows = actors.map(
    ({ machine, href, id, name, state, note, changedAt }) =>
      `<tr><td><a href="${href}">${escapeHtml(name)}</a> <span class="id muted">${escapeHtml(id)}</span></td><td>${machine}</td>` +
      `<td>${stateMarkup(escapeHtml(state))}</td><td>${escapeHtml(note)}</td><td>${changedAt === null ? "" : timeMarkup(changedAt, nowMs)}</td></tr>`,
  );
  return (
    `<section class="card table" aria-label="Actors" tabindex="0"><table class="actors stack"><thead><tr>` +
    `${columns.map((column) => `<th>${column}</th>`).join("")}</tr></thead><tbody>${rows.join("")}</tbody></table></section>`
  );
}

const empty = ({ text, machine, state }: ActorFilter, residents: number): string =>
  residents > 0 || text !== "" || machine !== null || state !== null
    ? `<div class="card empty"><strong>No actor in memory fits</strong><p>Take a word of the filter away, or open what rests by its whole id.</p></div>`
    : `<div class="card empty"><strong>No actors are in memory</strong><p>A plan's actors live while it is used and leave memory half a second later; a pass's live from its prepass to its end. What rests can be opened all the same: below, or by its id.</p></div>`;

function resting(plans: readonly SearchRow[], passes: readonly PassRow[], nowMs: number): string {
  if (plans.length + passes.length === 0) return "";
  const rows = [
    ...plans.map(({ datasetId, modifiedAt }) => {
      return { href: `/inspect/dataset/${datasetId}`, id: datasetId, what: "dataset", at: modifiedAt, state: "" };
    }),
    ...passes.map(({ passId, ship, state, aos }) => {
      return {
        href: `/inspect/pass/${passId}`,
        id: passId,
        what: `pass of ${ship}`,
        at: aos,
        state: stateMarkup(state),
      };
    }),
  ];
  const items = rows.map(
    ({ href, id, what, at, state }) =>
      `<li><a class="id" href="${href}">${id}</a> <span>${escapeHtml(what)}</span> ${state} ${timeMarkup(at, nowMs)}</li>`,
  );
  return `<div class="block"><h2>Changed last, at rest or not</h2><ul class="card due">${items.join("")}</ul></div>`;
}

export function machinePage(machine: MachineName, look: Look): string {
  const runs =
    machine === "job"
      ? "rows and SQL: the machine specifies them, and a test walks its paths against the database"
      : "live actors";
  return document(
    { section: "inspect", look },
    String(
      <>
        <Crumbs
          trail={[
            ["Inspect", "/inspect"],
            [machine, `/inspect/machine/${machine}`],
          ]}
        />
        <h1>The {machine} machine</h1>
        <p class="muted">
          <code>actors/{machine}.ts</code>, runs as {runs}.
        </p>
        <section class="card chart-frame" aria-label="State chart" tabindex={0}>
          {raw(chartSvg(machine, null))}
        </section>
        <div class="block">
          <h2 id="transitions_title">Transitions</h2>
          <section class="card table" aria-labelledby="transitions_title" tabindex={0}>
            <table class="transitions">
              <thead>
                <tr>
                  {["State", "Event", "Guard", "Actions", "Target"].map((column) => (
                    <th>{column}</th>
                  ))}
                </tr>
              </thead>
              <tbody>{raw(transitionRows(machine))}</tbody>
            </table>
          </section>
        </div>
      </>,
    ),
  );
}

function transitionRows(machine: MachineName): string {
  const { states, anywhere } = charts[machine];
  const groups = [...(anywhere.length === 0 ? [] : [{ name: "any state", transitions: anywhere }]), ...states];
  return groups
    .flatMap(({ name, transitions }) =>
      transitions.map(
        ({ event, guard, actions, target }) =>
          `<tr><td>${name}</td><td><code>${event}</code></td><td><code>${guard ?? ""}</code></td><td><code>${actions.join(", ")}</code></td><td>${target ?? '<span class="muted">stays</span>'}</td></tr>`,
      ),
    )
    .join("");
}

export function ticketPage(address: string, look: Look): string {
  return document(
    { section: "inspect", look },
    String(
      <>
        <Crumbs
          trail={[
            ["Inspect", "/inspect"],
            ["Attach a tool", "/inspect"],
          ]}
        />
        <h1>Attach a tool</h1>
        <p>
          Give this address to the tool within two minutes. It opens one socket, which lasts as long as your session;
          treat it as a password until then.
        </p>
        <section class="card json" aria-label="Address" tabindex={0}>
          <pre>
            <code id="ticket">{address}</code>
          </pre>
        </section>
        <p class="muted">
          A tool that can send headers needs none: <code>Authorization: Bearer</code> with a token or an API key of the
          role operate or admin does as well.
        </p>
      </>,
    ),
  );
}

export function forbiddenPage(service: string, look: Look): string {
  return document(
    { section: null, look },
    String(
      <>
        <h1>Inspect</h1>
        <div class="block card empty">
          <strong>{service} may not inspect actors</strong>
          <p>
            The inspector shows what everything on this node does. It needs the role <code>operate</code> or{" "}
            <code>admin</code>: sign in with a key that has one, or ask an administrator.
          </p>
        </div>
      </>,
    ),
  );
}

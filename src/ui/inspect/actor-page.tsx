/** @jsxImportSource hono/jsx */
/** The page of one actor: its chart with the state lit, its log, what it waits for, its messages, and the way through its past. */
import { raw } from "hono/html";
import { Crumbs, document } from "../layout.tsx";
import type { Look } from "../look.ts";
import { escapeHtml, exactTime, factsMarkup, stateMarkup, timeMarkup } from "../markup.ts";
import { prettyJson } from "../pretty-json.ts";
import { chartSvg } from "./chart-svg.ts";
import { dueMarkup } from "./due.ts";
import { sequenceList, sequenceMarkup } from "./sequence.ts";
import type { LogRow, ShownActor, Travel } from "./shown-actor.ts";

/** `query`: of the page, as the live part is fetched again under it. */
export function actorPage(shown: ShownActor, query: string, look: Look): string {
  const { path, root, machine } = shown;
  return document(
    { section: "inspect", look, islands: ["inspect.js"] },
    String(
      <>
        <Crumbs
          trail={[
            ["Inspect", "/inspect"],
            [machine, `${path}${query}`],
          ]}
          isLive
        />
        <div
          id="inspect_part"
          data-part={`/component${path}${query}`}
          data-root={root ?? ""}
          data-actor={actorIdOf(shown)}
        >
          {raw(actorPart(shown, look.nowMs))}
        </div>
        {root === null ? null : (
          <div class="block live-log" id="live_log" hidden>
            <h2 id="live_log_title">Live</h2>
            <section class="card" aria-labelledby="live_log_title" tabindex={0}>
              <ol id="live_events" aria-live="off"></ol>
            </section>
            <p class="muted" id="live_missed" hidden></p>
          </div>
        )}
        <div id="inspect_context">{raw(contextMarkup(shown))}</div>
      </>,
    ),
  );
}

/** As the socket's messages call it. */
const actorIdOf = ({ machine, root, id }: ShownActor): string =>
  machine === "product" ? `${root}/${id}` : machine === "listener" ? `${id}/listener` : id;

/** What a live update fetches: both parts under their ids. */
export function actorUpdate(shown: ShownActor, nowMs: number): string {
  return (
    `<div id="inspect_part">${actorPart(shown, nowMs)}</div>` +
    `<div id="inspect_context">${contextMarkup(shown)}</div>`
  );
}

/** All above the live log. */
function actorPart(shown: ShownActor, nowMs: number): string {
  const { machine, name, id, state, residence, isResident, travel, at, links, caveat } = shown;
  const note = travel.isPast ? "then" : "now";
  const lit = { state, note, by: at === null ? null : { event: at.event, before: at.before } };
  const facts: [string, string][] = [
    ["Machine", `<a href="/inspect/machine/${machine}">${machine}</a>`],
    ["ID", `<span class="id">${escapeHtml(id)}</span>`],
    ["Actor", `<span class="${isResident ? "resident" : "muted"}">${escapeHtml(residence)}</span>`],
    ...(links.length === 0
      ? []
      : [
          [
            "See also",
            links.map(([text, href]) => `<a href="${escapeHtml(href)}">${escapeHtml(text)}</a>`).join(", "),
          ] as [string, string],
        ]),
  ];
  const sequence = sequenceMarkup(shown.sequence);
  return (
    `<div class="title"><h1>${escapeHtml(name)}</h1>${stateMarkup(escapeHtml(state))}<span class="muted">${note}</span></div>` +
    `<dl class="facts">${factsMarkup(facts)}</dl>` +
    travelBar(shown, nowMs) +
    `<section class="card chart-frame" aria-label="State chart" tabindex="0">${chartSvg(machine, lit)}</section>` +
    dueMarkup(shown.due, nowMs) +
    childrenMarkup(shown) +
    (sequence === ""
      ? ""
      : `<div class="block"><h2 id="sequence_title">Messages${at === null ? "" : ` of ${travel.parameter} ${at.position}`}</h2>` +
        `<section class="card chart-frame" aria-labelledby="sequence_title" tabindex="0">${sequence}${sequenceList(shown.sequence)}</section></div>`) +
    `<div class="block"><h2 id="log_title">Log</h2>${logMarkup(shown, nowMs)}` +
    `${caveat === null ? "" : `<p class="muted caveat">${escapeHtml(caveat)}</p>`}</div>`
  );
}

function hrefOf({ path, travel }: ShownActor, position: number | null): string {
  return position === null || position === travel.newest ? path : `${path}?${travel.parameter}=${position}`;
}

function travelBar(shown: ShownActor, nowMs: number): string {
  const { travel, at } = shown;
  if (at === null) return "";
  const step = (rel: "prev" | "next", text: string, position: number | null): string =>
    position === null
      ? `<span class="button" aria-disabled="true">${text}</span>`
      : `<a class="button" rel="${rel}" href="${escapeHtml(hrefOf(shown, position))}">${text}</a>`;
  const when = at.at === null ? "" : `, ${timeMarkup(at.at, nowMs)}`;
  const now = travel.isPast ? `<a class="button" rel="last" href="${escapeHtml(shown.path)}">Now</a>` : "";
  return (
    `<nav class="travel" aria-label="Time travel">${step("prev", "← Earlier", travel.previous)}` +
    `<span class="where"><strong>${word(travel)} ${at.position}</strong>${of(travel)}${when}</span>` +
    `${step("next", "Later →", travel.next)}${now}<span class="muted keys">or the arrow keys</span></nav>`
  );
}

const word = ({ parameter }: Travel): string => (parameter === "revision" ? "Revision" : "Step");
const of = ({ newest }: Travel): string => (newest === null ? "" : ` of ${newest}`);

function childrenMarkup({ children, childrenLeftOut, machine }: ShownActor): string {
  if (children.length === 0) return "";
  const items = children.map(
    ({ name, href, state }) =>
      `<li><a href="${escapeHtml(href)}">${escapeHtml(name)}</a> ${stateMarkup(escapeHtml(state))}</li>`,
  );
  const more = childrenLeftOut === 0 ? "" : `<li class="muted">${childrenLeftOut} more on the page of the plan</li>`;
  return `<div class="block"><h2>${machine === "dataset" ? "Its products now" : "Its actors now"}</h2><ul class="children">${items.join("")}${more}</ul></div>`;
}

function logMarkup(shown: ShownActor, nowMs: number): string {
  if (shown.log.length === 0)
    return `<div class="card empty"><strong>Nothing has happened to it yet</strong><p>Its first event is shown here as soon as it is committed.</p></div>`;
  const columns = [word(shown.travel), "When", "Event", "State", "Guards and actions", "Said", "Cause"];
  return (
    `<section class="card table" aria-labelledby="log_title" tabindex="0"><table class="log stack"><thead><tr>` +
    `${columns.map((column) => `<th>${column}</th>`).join("")}</tr></thead><tbody>${shown.log.map((row) => rowMarkup(shown, row, nowMs)).join("")}</tbody></table></section>`
  );
}

function rowMarkup(shown: ShownActor, row: LogRow, nowMs: number): string {
  const { position, at, event, before, state, guards, actions, emitted, cause, by, why, follows } = row;
  const isAt = row === shown.at;
  const from = before === null || before === state ? "" : `<span class="muted">${escapeHtml(before)} →</span> `;
  const wrong = follows
    ? ""
    : ` <span class="state warning" title="The machine, as it is today, does not lead to what was stored">differs from the store</span>`;
  const guarded = guards.length === 0 ? "" : `<span class="guard">[${escapeHtml(guards.join(", "))}]</span> `;
  const who = by === null ? "" : ` <span class="muted">by ${escapeHtml(by)}</span>`;
  return (
    `<tr${isAt ? ' aria-current="true"' : ""}><td><a href="${escapeHtml(hrefOf(shown, position))}">${position}</a></td>` +
    `<td>${at === null ? '<span class="muted">not kept</span>' : timeMarkup(at, nowMs)}</td>` +
    `<td><code>${escapeHtml(event)}</code></td><td>${from}${stateMarkup(escapeHtml(state))}${wrong}</td>` +
    `<td><code class="small">${guarded}${escapeHtml(actions.join(", "))}</code></td><td><code class="small">${escapeHtml(emitted.filter((said) => !said.endsWith(".changed")).join(", "))}</code></td>` +
    `<td>${escapeHtml(cause)}${who}${why === null || why === "" ? "" : `<br><span class="muted">${escapeHtml(why)}</span>`}</td></tr>`
  );
}

function contextMarkup({ context, travel, at }: ShownActor): string {
  if (context === null) return "";
  const then = travel.isPast && at?.at != null ? ` (now; of ${exactTime(at.at)} only the state is kept)` : "";
  return (
    `<div class="block"><h2 id="context_title">Context${then}</h2><section class="card json" aria-labelledby="context_title" tabindex="0">` +
    `<pre><code>${escapeHtml(prettyJson(JSON.stringify(context)))}</code></pre></section></div>`
  );
}

/** @jsxImportSource hono/jsx */
/** Message flows: all of them; and one with its partitions, its sinks, what became of its newest messages. */

import { raw } from "hono/html";
import type { FC } from "hono/jsx";
import type { Flow, FlowState } from "../flow/flow.ts";
import { letterType } from "../flow/letters.ts";
import { type ShownTrace, shownTrace } from "../flow/trace.ts";
import { mayInspect } from "../http/inspect-access.ts";
import { notHeardYet } from "../model/flow-errors.ts";
import { actionMarkup, may, needsRole } from "./actions.ts";
import { count } from "./figures.ts";
import { executorMarkup } from "./flow-executor.ts";
import { traceTable } from "./flow-trace-rows.ts";
import { sourceHref } from "./inspect/source-actor.ts";
import { Crumbs, document } from "./layout.tsx";
import type { Look } from "./look.ts";
import { escapeHtml, type Figure, figuresMarkup } from "./markup.ts";
import { emptyCard, livePart, tabbedPage, tableCard } from "./tabs.tsx";

export const flowLink = (flow: string): string => `<a href="/flow/${encodeURIComponent(flow)}">${escapeHtml(flow)}</a>`;

const longestShown = 5;
const heldUpMs = 2_000;

export function flowsPage(flows: readonly Flow[], look: Look): string {
  return tabbedPage({ section: "flows", tab: "/flow", title: "Message flows", part: flowsPart(flows, look) }, look);
}

export function flowsPart(flows: readonly Flow[], look: Look): string {
  if (flows.length === 0)
    return emptyCard(
      "No flows",
      "A flow takes messages from a source, runs tasks, and hands what comes of them to sinks. <code>flows</code> in orrery.yaml names their folder.",
    );
  const rows = flows.map(({ definition: { file }, recorder, state }) => ({
    id: `flow-${file.id}`,
    cells: [
      `<strong>${flowLink(file.id)}</strong>${file.description === null ? "" : `<br><small class="muted">${escapeHtml(file.description)}</small>`}`,
      file.source.kind,
      stateOf(state),
      count(state.partitions.length),
      count(heldOf(state)),
      count(waitingOf(state)),
      `${count(state.tasks.running)} <small class="muted">of ${count(file.concurrency)}</small>`,
      count(recorder.counts.done),
      count(recorder.counts.dead),
      count(sum(state.sinks, ({ counts }) => counts.delivered)),
      state.sinks.map(({ name, breaker }) => sinkState(state, breaker, escapeHtml(name))).join(" "),
      may(look, "operate") ? pauseButton(file.id, state.isPaused) : "",
    ],
  }));
  const columns = [
    "Flow",
    "Source",
    "State",
    "#Partitions",
    "#Held",
    "#Waiting",
    "#Running",
    "#Done",
    "#Dead",
    "#Delivered",
  ];
  return `<div class="block">${tableCard("Flows", [...columns, "Sinks", ""], rows, "flows")}${whyNot(look)}</div>`;
}

export function flowPage(flow: Flow, traces: readonly ShownTrace[], look: Look): string {
  const { id } = flow.definition.file;
  return document(
    { section: "flows", look, islands: ["part.js", "act.js", "probe.js"] },
    String(
      <>
        <Crumbs
          trail={[
            ["Flows", "/flow"],
            [id, `/flow/${encodeURIComponent(id)}`],
          ]}
          isLive
        />
        {raw(livePart(flowPart(flow, traces, look), look))}
        {may(look, "operate") ? <Probe id={id} /> : null}
      </>,
    ),
  );
}

const Probe: FC<{ readonly id: string }> = ({ id }) => (
  <div class="block">
    <h2>Run a message dry</h2>
    <form id="probe_form" data-url={`/api/flow/${encodeURIComponent(id)}/probe`}>
      <div class="fields">
        <label class="wide" for="probe_message">
          <span>
            Message <small>as it would come</small>
          </span>
          <textarea id="probe_message" name="message" rows={4} placeholder="{}" spellcheck={false} />
        </label>
      </div>
      <p class="under">Its tasks run. Nothing goes to the sinks, nothing becomes a dead letter.</p>
      <div class="form-foot">
        <button type="submit">Run dry</button>
      </div>
      <section id="probe_said" class="log" aria-label="What would become of it" aria-live="polite" tabindex={0} />
    </form>
  </div>
);

export function flowPart(flow: Flow, traces: readonly ShownTrace[], look: Look): string {
  const { definition, state, recorder } = flow;
  const { file } = definition;
  const path = `/flow/${encodeURIComponent(file.id)}`;
  const type = encodeURIComponent(letterType(file.id));
  const delivered = sum(state.sinks, ({ counts }) => counts.delivered);
  const dead = sum(state.sinks, ({ counts }) => counts.dead);
  const figures: Figure[] = [
    ["Partitions", count(state.partitions.length), `read by this node, from ${file.source.kind}`],
    ["Held", count(heldOf(state)), `of ${count(file.partitions.windowMax)} for each partition`],
    ["Waiting", count(waitingOf(state)), "known to lie behind"],
    ["Done", count(recorder.counts.done), "messages, since this node started"],
    ["Delivered", count(delivered), dead === 0 ? "to sinks" : `to sinks; ${count(dead)} were not`],
    [
      "Dead",
      `<a href="/dead-letter?job_type=${type}">${count(recorder.counts.dead)}</a>`,
      "messages; all dead letters",
    ],
  ];
  const button = may(look, "operate") ? pauseButton(file.id, state.isPaused) : "";
  const description = file.description === null ? "" : `<p>${escapeHtml(file.description)}</p>`;
  const lost =
    recorder.dropped === 0 ? "" : `<p class="under">${count(recorder.dropped)} traces could not be stored.</p>`;
  return (
    `<div class="title"><h1>${escapeHtml(file.id)}</h1>${stateOf(state)}<span class="spacer"></span>${button}</div>${notOpenMarkup(state)}${description}${linksMarkup(file.links)}` +
    figuresMarkup(figures) +
    `<div class="block"><h2>Partitions</h2>${partitionTable(flow, look)}</div>` +
    `<div class="block"><h2>Executor</h2>${executorMarkup(flow, look.nowMs)}</div>` +
    `<div class="block"><h2>Sinks</h2>${sinkTable(state)}</div>` +
    openBlock(flow, look.nowMs) +
    `<div class="block"><div class="title"><h2>Newest messages</h2><span class="spacer"></span><a href="${path}/recorder">Flight recorder</a></div>` +
    `${traces.length === 0 ? emptyCard("None yet", "What becomes of each message is shown here.") : traceTable(file.id, traces, look.nowMs)}${lost}</div>${whyNot(look)}`
  );
}

function notOpenMarkup({ opening: { state, reason } }: FlowState): string {
  if (state === "open") return "";
  const why = escapeHtml(reason ?? notHeardYet);
  return `<p class="under">Nothing is read yet. ${why}: ${state === "failed" ? "mend it, it is looked at again each minute" : "it is tried again"}.</p>`;
}

/** Messages that are held up, by a sink that is away or a task that hangs: among the newest they would not be seen. */
function openBlock({ definition: { file }, recorder }: Flow, nowMs: number): string {
  const long = recorder.longestOpen(longestShown).filter(({ takenMs }) => takenMs < nowMs - heldUpMs);
  if (long.length === 0) return "";
  const named = { label: "Longest on their way", id: "open" };
  return `<div class="block"><h2>${named.label}</h2>${traceTable(file.id, long.map(shownTrace), nowMs, named)}</div>`;
}

function linksMarkup(links: Readonly<Record<string, string>>): string {
  const all = Object.entries(links).map(
    ([name, href]) => `<a href="${escapeHtml(href)}" rel="noopener noreferrer">${escapeHtml(name)}</a>`,
  );
  return all.length === 0 ? "" : `<p>${all.join(" · ")}</p>`;
}

function partitionTable({ definition: { file }, state: { partitions } }: Flow, look: Look): string {
  if (file.source.kind === "http")
    return emptyCard(
      "None",
      `Messages are sent to it: <code>POST /api/flow/${escapeHtml(file.id)}/message</code>, by whoever has the role publish.`,
    );
  if (partitions.length === 0)
    return emptyCard("None", "This node reads no partition: another one does, or there is nothing to read.");
  const named = (name: string): string => {
    const text = `<span class="known">${escapeHtml(name)}</span>`;
    const isOpen = look.viewer !== null && mayInspect(look.viewer);
    return isOpen ? `<a href="${escapeHtml(sourceHref(file.id, name))}">${text}</a>` : text;
  };
  const rows = partitions.map(({ name, state, reason, held, waiting, committed, taken, confirmed }) => ({
    id: `partition-${name}`,
    cells: [
      named(name),
      `<span class="state ${stateWords[state]}">${state}</span>${reason === null ? "" : `<br><small class="muted">${escapeHtml(reason)}</small>`}`,
      count(held),
      waiting === null ? '<span class="muted none">–</span>' : count(waiting),
      committed === null ? '<span class="muted none">–</span>' : count(committed),
      count(taken),
      count(confirmed),
    ],
  }));
  return tableCard(
    "Partitions",
    ["Partition", "State", "#Held", "#Waiting", "#Committed", "#Taken", "#Done"],
    rows,
    "partitions",
  );
}

/** As our styles know states. */
const stateWords = {
  starting: "waiting",
  live: "running",
  stalled: "queued",
  failed: "failed",
  stopped: "disabled",
} as const;

function sinkTable(state: FlowState): string {
  const { sinks, opening } = state;
  if (sinks.length === 0) return emptyCard("None", "What comes of its messages goes nowhere.");
  const rows = sinks.map(({ name, kind, breaker, queued, counts }) => ({
    id: `sink-${name}`,
    cells: [
      `<strong>${escapeHtml(name)}</strong>`,
      escapeHtml(kind),
      sinkState(state, breaker, opening.state === "open" ? breakerWords[breaker.state] : "not yet"),
      count(queued),
      count(counts.delivered),
      count(counts.retried),
      count(counts.dead),
    ],
  }));
  return tableCard("Sinks", ["Sink", "Kind", "State", "#Queued", "#Delivered", "#Tried again", "#Dead"], rows, "sinks");
}

const breakerWords = { closed: "takes", open: "left alone", halfOpen: "tried" } as const;

function sinkState({ opening }: FlowState, { state }: FlowState["sinks"][number]["breaker"], markup: string): string {
  const word = opening.state !== "open" ? "waiting" : state === "closed" ? "running" : "failed";
  return `<span class="state ${word}">${markup}</span>`;
}

const stateOf = ({ opening, isPaused, partitions }: FlowState): string => {
  if (opening.state !== "open")
    return `<span class="state ${opening.state === "failed" ? "failed" : "waiting"}">${opening.state}</span>`;
  if (isPaused) return '<span class="state paused">paused</span>';
  return partitions.some(({ state }) => state === "failed")
    ? '<span class="state failed">failing</span>'
    : '<span class="state running">running</span>';
};

const sum = <Item,>(items: readonly Item[], of: (item: Item) => number): number =>
  items.reduce((total, item) => total + of(item), 0);
const heldOf = ({ partitions, accepted, processing }: FlowState): number =>
  sum(partitions, ({ held }) => held) + accepted + processing;
const waitingOf = ({ partitions }: FlowState): number => sum(partitions, ({ waiting }) => waiting ?? 0);

const whyNot = (look: Look): string =>
  may(look, "operate") ? "" : `<p class="under">${needsRole(look, "operate", "pause or resume a flow")}</p>`;

function pauseButton(flow: string, isPaused: boolean): string {
  const verb = isPaused ? "Resume" : "Pause";
  return actionMarkup({
    name: verb,
    method: "PUT",
    url: `/api/flow/${encodeURIComponent(flow)}/${verb.toLowerCase()}`,
    title: `${verb} ${flow}?`,
    text: isPaused
      ? "All nodes read on where they stopped."
      : "All nodes stop to read its messages; what was read goes on to the sinks. Inputs that are called are answered all the same.",
    confirm: verb,
  });
}

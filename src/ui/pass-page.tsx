/** @jsxImportSource hono/jsx */
/** The pages of passes: the list, and one pass with its window, its ledger and its latest values. One part of each stays live. */
import { raw } from "hono/html";
import type { FC } from "hono/jsx";
import type { AlarmRow } from "../model/alarm.ts";
import { epochMsOf } from "../model/clock.ts";
import { alarmSection } from "./alarm-rows.ts";
import { count, duration, size } from "./figures.ts";
import { latestTable } from "./latest-values.ts";
import { Crumbs, document, LiveNote } from "./layout.tsx";
import { apidTable, attribution, ledgerFigures, rejects } from "./ledger.ts";
import type { Look } from "./look.ts";
import { escapeHtml, type Fact, factsMarkup, stateMarkup, timeMarkup } from "./markup.ts";
import { passTable } from "./pass-rows.ts";
import { passTimeline, type Timeline } from "./pass-timeline.ts";
import { completenessSentence } from "./pass-words.ts";
import { meanRatePerS, type ShownPass } from "./shown-pass.ts";

export interface PassList {
  readonly passes: readonly ShownPass[];
  /** The query of the next page; null: there is none. */
  readonly older: string | null;
  readonly timeline: Timeline;
}

export function passListPage(list: PassList, query: string, look: Look): string {
  return document(
    { section: "passes", look, islands: ["pass.js"] },
    String(
      <>
        <div class="title">
          <h1>Passes</h1>
          <a href="/station">Stations</a>
          <span class="spacer" />
          <LiveNote />
        </div>
        <div class="block" id="pass_part" data-part={`/component/pass${query}`} data-events="type=pass">
          {raw(passListPart(list, look.nowMs))}
        </div>
      </>,
    ),
  );
}

/** What of the list stays live. */
export function passListPart({ passes, older, timeline }: PassList, nowMs: number): string {
  const isNone = passes.length === 0 && timeline.passes.length === 0;
  return (isNone ? "" : passTimeline(timeline, nowMs)) + listOf(passes, older, nowMs);
}

function listOf(passes: readonly ShownPass[], older: string | null, nowMs: number): string {
  if (passes.length === 0) return String(<NoPasses />);
  const more = older === null ? "" : `<p class="more"><a href="/pass?${escapeHtml(older)}">Older passes</a></p>`;
  const table = `<section class="card table" aria-labelledby="all_title" tabindex="0">${passTable(passes, nowMs)}</section>`;
  return `<div class="block"><h2 id="all_title">All, the latest first</h2>${table}${more}</div>`;
}

const NoPasses: FC = () => (
  <div class="card empty">
    <strong>No passes</strong>
    <p>
      Register a ship with <code>PUT /api/ship/…</code>, then plan a pass over it with <code>POST /api/pass</code>: the{" "}
      <a href="/swagger">API</a> shows how.
    </p>
  </div>
);

/** `alarms`: those of the pass that are active. */
export function passPage(shown: ShownPass, alarms: readonly AlarmRow[], look: Look): string {
  const { passId } = shown.pass;
  return document(
    { section: "passes", look, islands: ["pass.js"] },
    String(
      <>
        <Crumbs
          trail={[
            ["Passes", "/pass"],
            ["Pass", `/pass/${passId}`],
          ]}
          isLive
        />
        <div id="pass_part" data-part={`/component/pass/${passId}`} data-events={`pass=${passId}`}>
          {raw(passPart(shown, alarms, look.nowMs))}
        </div>
      </>,
    ),
  );
}

/** All of a pass that changes, which is all of it. */
export function passPart(shown: ShownPass, alarms: readonly AlarmRow[], nowMs: number): string {
  const { pass, ledger } = shown;
  return (
    `<div class="title"><h1>Pass</h1>${stateMarkup(pass.state)}` +
    `<span class="verdict">${ledger === null ? "" : escapeHtml(completenessSentence(ledger))}</span>` +
    `</div>` +
    `${pass.reason === null ? "" : `<p class="reason">${escapeHtml(pass.reason)}</p>`}` +
    `<dl class="facts">${passFacts(shown, nowMs)}</dl>` +
    alarmSection(alarms, nowMs) +
    (ledger === null ? nothingYet(shown) : ledgerSections(shown, ledger, nowMs))
  );
}

function passFacts({ pass, ledger, notedAt }: ShownPass, nowMs: number): string {
  const facts: Fact[] = [
    ["Pass ID", `<span class="id">${pass.passId}</span>`],
    ["Ship", `<a href="/ship/${escapeHtml(pass.ship)}">${escapeHtml(pass.ship)}</a>`],
    ["Address", `<code>udp://${escapeHtml(pass.host)}:${pass.port}</code>`],
    ["AOS", timeMarkup(pass.aos, nowMs)],
    ["LOS", timeMarkup(pass.los, nowMs)],
    ["Duration", duration((epochMsOf(pass.los) - epochMsOf(pass.aos)) / 1000)],
  ];
  if (pass.station !== null) facts.splice(2, 0, ["Station", escapeHtml(pass.station)]);
  if (pass.receiveBufferBytes !== null) facts.push(["Receive buffer", size(pass.receiveBufferBytes)]);
  if (pass.template !== null) facts.push(["Template", escapeHtml(pass.template)]);
  if (pass.datasetId !== null) facts.push(["Plan", `<a href="/plan/${pass.datasetId}">data products</a>`]);
  const late = ledger?.late ?? null; // ledgers of earlier versions have none
  if (late !== null) facts.push(["Came later", `${count(late.stored)} packets, ${timeMarkup(late.last_at, nowMs)}`]);
  if (notedAt !== null) facts.push(["Noted", timeMarkup(notedAt, nowMs)]);
  return factsMarkup(facts);
}

function nothingYet({ pass }: ShownPass): string {
  const isAhead = pass.state === "planned" || pass.state === "prepass";
  return `<div class="block card empty"><strong>${isAhead ? "Nothing received yet" : "Nothing was received"}</strong><p>${
    isAhead
      ? `Its port opens ${duration(pass.prepassMarginMs / 1000)} before AOS. Send packets to udp://${escapeHtml(pass.host)}:${pass.port}, or let <code>orrery sim</code> do it.`
      : "There is no ledger of this pass."
  }</p></div>`;
}

function ledgerSections(shown: ShownPass, ledger: NonNullable<ShownPass["ledger"]>, nowMs: number): string {
  const values =
    Object.keys(shown.latest).length === 0
      ? ""
      : `<div class="block"><h2 id="values_title">Latest values</h2>${region("values_title", latestTable(shown.latest, nowMs))}</div>`;
  const apids =
    ledger.apids.length === 0
      ? ""
      : `<div class="block"><h2 id="apids_title">Sequence by APID</h2>${region("apids_title", apidTable(ledger, nowMs))}</div>`;
  return (
    `<div class="block">${ledgerFigures(ledger, meanRatePerS(shown))}</div>` +
    `<div class="block"><h2>Where the rest went</h2><div class="card padded">${attribution(ledger)}${rejects(ledger)}</div></div>` +
    `${values}${apids}`
  );
}

const region = (labelledBy: string, table: string): string =>
  `<section class="card table" aria-labelledby="${labelledBy}" tabindex="0">${table}</section>`;

/** @jsxImportSource hono/jsx */
/** The page of one pass: its window, its reception while it is under way, its ledger, its latest values. All of it stays live. */
import { raw } from "hono/html";
import type { AlarmRow } from "../model/alarm.ts";
import { epochMsOf } from "../model/clock.ts";
import { alarmSection } from "./alarm-rows.ts";
import { count, duration, size } from "./figures.ts";
import { latestTable } from "./latest-values.ts";
import { Crumbs, document } from "./layout.tsx";
import { apidTable, attribution, ledgerFigures, rejects } from "./ledger.ts";
import { livePassSection } from "./live-pass.ts";
import type { Look } from "./look.ts";
import { escapeHtml, type Fact, factsMarkup, stateMarkup, timeMarkup } from "./markup.ts";
import { completenessSentence } from "./pass-words.ts";
import { meanRatePerS, type ShownPass } from "./shown-pass.ts";
import { livePart } from "./tabs.tsx";

/** `alarms`: those of the pass that are active. */
export function passPage(shown: ShownPass, alarms: readonly AlarmRow[], look: Look): string {
  return document(
    { section: "passes", look, islands: ["part.js", "act.js"] },
    String(
      <>
        <Crumbs
          trail={[
            ["Passes", "/pass"],
            ["Pass", `/pass/${shown.pass.passId}`],
          ]}
          isLive
        />
        {raw(livePart(passPart(shown, alarms, look), look))}
      </>,
    ),
  );
}

export function passPart(shown: ShownPass, alarms: readonly AlarmRow[], look: Look): string {
  const { pass, ledger } = shown;
  const { nowMs } = look;
  return (
    `<div class="title"><h1>Pass</h1>${stateMarkup(pass.state)}` +
    `<span class="verdict">${ledger === null ? "" : escapeHtml(completenessSentence(ledger))}</span>` +
    `</div>` +
    `${pass.reason === null ? "" : `<p class="reason">${escapeHtml(pass.reason)}</p>`}` +
    `<dl class="facts">${passFacts(shown, nowMs)}</dl>` +
    livePassSection(shown, nowMs) +
    alarmSection(alarms, "pass", look) +
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
  if (pass.flows.length > 0) facts.push(["Flows", pass.flows.map(escapeHtml).join(", ")]);
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

/** @jsxImportSource hono/jsx */
/** The page of a ship: how it speaks, its active alarms, the values it sent last, its plots, its passes. All but the plots' own drawing stays live here. */
import { raw } from "hono/html";
import type { LatestValue } from "../ground/latest.ts";
import type { AlarmRow } from "../model/alarm.ts";
import type { ShipRow } from "../model/pass.ts";
import { alarmSection } from "./alarm-rows.ts";
import { latestTable } from "./latest-values.ts";
import { Crumbs, document } from "./layout.tsx";
import type { Look } from "./look.ts";
import { escapeHtml, factsMarkup, timeMarkup } from "./markup.ts";
import { passTable } from "./pass-rows.ts";
import { type ShipPlots, shipPlots } from "./ship-plots.ts";
import type { ShownPass } from "./shown-pass.ts";
import { emptyCard, livePart } from "./tabs.tsx";

export interface ShownShip {
  readonly ship: ShipRow;
  /** The newest first. */
  readonly passes: readonly ShownPass[];
  readonly hasMorePasses: boolean;
  /** Those that are active. */
  readonly alarms: readonly AlarmRow[];
  readonly latest: Readonly<Record<string, LatestValue>>;
}

/** `plots` null: nothing of it can be plotted. */
export function shipPage(shown: ShownShip, plots: ShipPlots | null, look: Look): string {
  const { ship } = shown.ship;
  return document(
    { section: "passes", look, islands: ["part.js", "act.js", ...(plots === null ? [] : ["plots.js"])] },
    String(
      <>
        <Crumbs
          trail={[
            ["Passes", "/pass"],
            [ship, `/ship/${ship}`],
          ]}
          isLive
        />
        {raw(livePart(shipPart(shown, plots, look), look))}
      </>,
    ),
  );
}

/** Plots keep themselves live: without them the part leaves the page's own as they are. */
export function shipPart(shown: ShownShip, plots: ShipPlots | null, look: Look): string {
  const { ship, passes, hasMorePasses, alarms, latest } = shown;
  const { nowMs } = look;
  const openMct = ship.definition === null ? "" : `<a href="/openmct/">Open MCT</a>`;
  const facts = factsMarkup([
    ["Format", ship.format],
    ["Packets", ship.definition === null ? "stored as they come" : "decoded by its definition"],
    ["Modified by", escapeHtml(ship.modifiedBy)],
    ["Modified", timeMarkup(ship.modifiedAt, nowMs)],
  ]);
  const values =
    Object.keys(latest).length === 0
      ? `<p class="card empty">No value was decoded yet. A packet definition and a pass bring some.</p>`
      : region("values_title", latestTable(latest, nowMs));
  const more = hasMorePasses
    ? `<p class="more"><a href="/pass?ship=${escapeHtml(ship.ship)}">All its passes</a></p>`
    : "";
  const flown =
    passes.length === 0
      ? emptyCard("No pass is planned", "<code>POST /api/pass</code> plans one.")
      : region("passes_title", passTable(passes, nowMs)) + more;
  return (
    `<div class="title"><h1>${escapeHtml(ship.ship)}</h1>${openMct}</div><dl class="facts">${facts}</dl>` +
    alarmSection(alarms, "ship", look) +
    `<div class="block"><h2 id="values_title">Latest values</h2>${values}</div>` +
    `<div class="block" id="plots_block" data-own>${plots === null ? "" : `<h2>Plots</h2>${shipPlots(plots)}`}</div>` +
    `<div class="block"><h2 id="passes_title">Passes</h2>${flown}</div>`
  );
}

const region = (labelledBy: string, table: string): string =>
  `<section class="card table" aria-labelledby="${labelledBy}" tabindex="0">${table}</section>`;

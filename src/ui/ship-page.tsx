/** @jsxImportSource hono/jsx */
/** The page of a ship: how it speaks, its active alarms, the values it sent last, its passes. */
import { raw } from "hono/html";
import type { LatestValue } from "../ground/latest.ts";
import type { AlarmRow } from "../model/alarm.ts";
import type { ShipRow } from "../model/pass.ts";
import { alarmSection } from "./alarm-rows.ts";
import { latestTable } from "./latest-values.ts";
import { Crumbs, document } from "./layout.tsx";
import type { Look } from "./look.ts";
import { timeMarkup } from "./markup.ts";
import { passTable } from "./pass-rows.ts";
import { type ShipPlots, shipPlots } from "./ship-plots.ts";
import type { ShownPass } from "./shown-pass.ts";

export interface ShownShip {
  readonly ship: ShipRow;
  /** The newest first. */
  readonly passes: readonly ShownPass[];
  /** Those that are active. */
  readonly alarms: readonly AlarmRow[];
  readonly latest: Readonly<Record<string, LatestValue>>;
  /** Null: nothing of it can be plotted. */
  readonly plots: ShipPlots | null;
}

export function shipPage({ ship, passes, alarms, latest, plots }: ShownShip, look: Look): string {
  const { nowMs } = look;
  return document(
    { section: "passes", look, islands: plots === null ? [] : ["plots.js"] },
    String(
      <>
        <Crumbs
          trail={[
            ["Passes", "/pass"],
            [ship.ship, `/ship/${ship.ship}`],
          ]}
        />
        <h1>{ship.ship}</h1>
        <dl class="facts">
          <div>
            <dt>Format</dt>
            <dd>{ship.format}</dd>
          </div>
          <div>
            <dt>Packets</dt>
            <dd>{ship.definition === null ? "stored as they come" : "decoded by its definition"}</dd>
          </div>
          <div>
            <dt>Modified by</dt>
            <dd>{ship.modifiedBy}</dd>
          </div>
          <div>
            <dt>Modified</dt>
            <dd>{raw(timeMarkup(ship.modifiedAt, nowMs))}</dd>
          </div>
        </dl>
        {raw(alarmSection(alarms, nowMs))}
        <div class="block">
          <h2 id="values_title">Latest values</h2>
          {Object.keys(latest).length === 0 ? (
            <p class="card empty">No value was decoded yet. A packet definition and a pass bring some.</p>
          ) : (
            <section class="card table" aria-labelledby="values_title" tabindex={0}>
              {raw(latestTable(latest, nowMs))}
            </section>
          )}
        </div>
        {plots === null ? null : (
          <div class="block">
            <h2>Plots</h2>
            {raw(shipPlots(plots))}
          </div>
        )}
        <div class="block">
          <h2 id="passes_title">Passes</h2>
          {passes.length === 0 ? (
            <p class="card empty">
              No pass is planned: <code>POST /api/pass</code> plans one.
            </p>
          ) : (
            <section class="card table" aria-labelledby="passes_title" tabindex={0}>
              {raw(passTable(passes, nowMs))}
            </section>
          )}
        </div>
      </>,
    ),
  );
}

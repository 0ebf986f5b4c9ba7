/** The histories that a ship's plots are drawn of. */
import type { LatestValue } from "../ground/latest.ts";
import { isPlotted } from "../history/columns.ts";
import type { History } from "../history/history.ts";
import { parametersOf } from "../http/dictionary.ts";
import type { ShipRow } from "../model/pass.ts";
import { plotAsk } from "./plot-window.ts";
import type { ShipPlots } from "./ship-plots.ts";

/** Drawn by the server: a script asks for as many as its screen has room for. */
const rowsMax = 300;

/** Null: the ship has no parameter with a history. */
export async function plotsOf(
  history: History,
  ship: ShipRow,
  latest: Readonly<Record<string, LatestValue>>,
  query: URLSearchParams,
  nowMs: number,
): Promise<ShipPlots | null> {
  const { definition } = ship;
  const plotted = parametersOf(ship).filter(({ field }) => isPlotted(field));
  if (definition === null || plotted.length === 0) return null;
  const known = plotted.map(({ field }) => field.name);
  const times = Object.values(latest).map(({ at, taken }) => taken ?? at);
  const ask = plotAsk(query, known, times.sort().at(-1) ?? null, nowMs);
  const { startMs, endMs } = ask.window;
  const plots = await Promise.all(
    ask.names.map(async (name) => {
      const parameter = plotted.find(({ field }) => field.name === name);
      const found = await history.range({ ship: ship.ship, definition, parameter: name, startMs, endMs, rowsMax });
      return parameter === undefined ? [] : [{ parameter, ...found }];
    }),
  );
  const shown = plots.flat();
  const isCut = shown.some(({ cuts }) => cuts.olderPasses || cuts.passesElsewhere > 0 || cuts.passesBehind > 0);
  return { ship: ship.ship, ask, plots: shown, known, isCut };
}

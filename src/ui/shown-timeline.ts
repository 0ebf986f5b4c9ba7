/** What a timeline of passes is drawn of: the passes of a span of time, of one station or of all. */
import { instantOf } from "../model/clock.ts";
import { listPassesBetween } from "../store/passes.ts";
import type { Sql } from "../store/sql.ts";
import type { Timeline } from "./pass-timeline.ts";
import { passWindow } from "./pass-window.ts";

/** More than fit on a screen; beyond, a page of SVG is of no use to anybody. */
const passesMax = 500;

export async function timelineOf(
  sql: Sql,
  query: URLSearchParams,
  nowMs: number,
  station: string | null = null,
): Promise<Timeline> {
  const window = passWindow(query, nowMs);
  const ask = { from: instantOf(window.fromMs), to: instantOf(window.toMs), station, limit: passesMax + 1 };
  const found = await listPassesBetween(sql, ask);
  return { window, passes: found.slice(0, passesMax), isCut: found.length > passesMax, query };
}

/**
 * When a schedule ticks. The library reads the fields and walks the calendar on wall time; days on which clocks are moved are
 * judged here. Every time of a fixed hour comes once a day: skipped by the clocks it comes as much later as they moved, shown
 * twice it comes the first time. A pattern of any hour (`*` in the field of hours) goes by what clocks show, both times.
 */
import { Cron } from "croner";
import type { Schedule } from "./templates.ts";
import { changeBetween, instantOfWall, offsetMsAt } from "./zone.ts";

export interface Ticks {
  /** The first tick after `afterMs`; null: there is none. */
  next(afterMs: number): number | null;
}

const nickname = /^@(yearly|annually|monthly|weekly|daily|midnight|hourly)$/i;
const field = /^[A-Za-z0-9*?/,\-#]+$/;

/** Throws an `Error` that says what is wrong with the fields. */
export function cronTicks(pattern: string, zone: string): Ticks {
  const fields = pattern.trim().split(/\s+/);
  const isNick = nickname.test(pattern.trim());
  if (!isNick && (fields.length < 5 || fields.length > 6))
    throw new Error(`5 or 6 fields are needed, it has ${fields.length}: [second] minute hour day month weekday`);
  for (const one of isNick ? [] : fields)
    if (!field.test(one)) throw new Error(`"${one}" is no field of a cron pattern`);
  const cron = parsed(fields.join(" "));
  const wall = (afterMs: number) => cron.nextRun(new Date(afterMs))?.getTime() ?? null;
  if (wall(Date.UTC(2000, 0, 1)) === null) throw new Error("it never comes");
  const hours = isNick ? "0" : (fields.at(-4) ?? "");
  const isAnyHour = hours.includes("*") || hours.includes("?") || /^@hourly$/i.test(pattern.trim());
  const next = isAnyHour ? nextOfAnyHour : nextOfFixedHour;
  return { next: (afterMs) => next(wall, zone, afterMs) };
}

function parsed(pattern: string): Cron {
  try {
    return new Cron(pattern, { timezone: "UTC", paused: true });
  } catch (error) {
    throw new Error(error instanceof Error ? error.message.replace(/^Cron\w+: /, "") : String(error));
  }
}

/** Every so many seconds since 1970, whatever clocks show. */
export function everyTicks(everyS: number): Ticks {
  const everyMs = everyS * 1000;
  return { next: (afterMs) => (Math.floor(afterMs / everyMs) + 1) * everyMs };
}

export function ticksOf({ cron, everyS, timezone }: Pick<Schedule, "cron" | "everyS" | "timezone">): Ticks {
  return cron !== null ? cronTicks(cron, timezone) : everyTicks(everyS ?? 60);
}

type Wall = (afterMs: number) => number | null;

const hourMs = 3_600_000;
/** Clocks are moved by less, save where a zone crosses the date line. */
const movedMsMax = 3 * hourMs;

function nextOfFixedHour(wall: Wall, zone: string, afterMs: number): number | null {
  const offset = offsetMsAt(zone, afterMs);
  const shown = wall(afterMs + offset);
  if (shown === null) return null;
  const plain = shown - offset;
  const isCalm = [afterMs - movedMsMax, plain, plain - movedMsMax].every((at) => offsetMsAt(zone, at) === offset);
  if (isCalm) return plain;
  // Clocks were moved near by: the order of wall times is not that of instants.
  const nearBy = [afterMs - movedMsMax, afterMs, plain - movedMsMax, plain, plain + movedMsMax];
  const offsets = nearBy.map((at) => offsetMsAt(zone, at));
  const most = Math.max(...offsets);
  let best: number | null = null;
  let at: number | null = afterMs + Math.min(...offsets) - 1000;
  for (at = wall(at); at !== null; at = wall(at)) {
    if (best !== null && at - most >= best) break;
    const instant = instantOfWall(zone, at);
    if (instant > afterMs && (best === null || instant < best)) best = instant;
  }
  return best;
}

function nextOfAnyHour(wall: Wall, zone: string, afterMs: number): number | null {
  let from = afterMs;
  for (;;) {
    const offset = offsetMsAt(zone, from);
    const shown = wall(from + offset);
    if (shown === null) return null;
    const plain = shown - offset;
    if (plain - from > 30 * hourMs) {
      // Nothing is shown before that, however clocks are moved: come near first.
      from = plain - 26 * hourMs;
      continue;
    }
    const change = changeBetween(zone, from, plain);
    if (change === null) return plain;
    // What the moved clocks show at once counts.
    const first = wall(change + offsetMsAt(zone, change) - 1000);
    if (first === null) return null;
    if (first - offsetMsAt(zone, change) === change) return change;
    from = change;
  }
}

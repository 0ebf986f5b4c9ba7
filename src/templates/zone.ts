/** A time zone: what its clocks show, and which instants they show it at. A wall time is held in ms as if it were UTC. */

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
    formats.set(zone, format);
  }
  return format;
}

/** Names of the IANA database, as the runtime knows it. */
export function isZone(zone: string): boolean {
  try {
    formatOf(zone);
    return true;
  } catch {
    return false;
  }
}

/** What the zone's clocks are ahead of UTC, in ms. */
export function offsetMsAt(zone: string, epochMs: number): number {
  if (zone === "UTC") return 0;
  const at: Record<string, number> = {};
  for (const { type, value } of formatOf(zone).formatToParts(epochMs)) at[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = at;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(epochMs / 1000) * 1000;
}

/** No zone is further from UTC, or moves by more at once save for crossing the date line. */
const farMs = 15 * 3_600_000;

/**
 * The instant of a wall time. Twice there, as clocks go back: the first. Not there, as clocks go forward: as much later as they
 * are moved, so that 02:30 becomes 03:30.
 */
export function instantOfWall(zone: string, wallMs: number): number {
  const before = offsetMsAt(zone, wallMs - farMs);
  const after = offsetMsAt(zone, wallMs + farMs);
  const early = wallMs - Math.max(before, after);
  if (offsetMsAt(zone, early) === Math.max(before, after)) return early;
  const late = wallMs - Math.min(before, after);
  if (offsetMsAt(zone, late) === Math.min(before, after)) return late;
  return wallMs - before;
}

/** The first moment after `fromMs`, and not after `untilMs`, whose offset is not that of `fromMs`; one change at most lies between. */
export function changeBetween(zone: string, fromMs: number, untilMs: number): number | null {
  const offset = offsetMsAt(zone, fromMs);
  if (offsetMsAt(zone, untilMs) === offset) return null;
  let same = fromMs;
  let changed = untilMs;
  while (changed - same > 1000) {
    const middle = Math.floor((same + changed) / 2000) * 1000;
    if (middle <= same) break;
    if (offsetMsAt(zone, middle) === offset) same = middle;
    else changed = middle;
  }
  return Math.floor(changed / 1000) * 1000;
}

/** `2026-01-31`, as the zone's calendars show it. */
export function dateIn(zone: string, epochMs: number): string {
  return new Date(epochMs + offsetMsAt(zone, epochMs)).toISOString().slice(0, 10);
}

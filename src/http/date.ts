/** Instants in requests: RFC 3339 with any offset, read as UTC with microseconds. */
import { z } from "@hono/zod-openapi";
import type { Instant } from "../model/clock.ts";

const shape = /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)$/;

/** Null: no date, or one that no calendar has. */
export function parseInstant(text: string): Instant | null {
  const [, day = "", time = "", fraction = "", offset = "Z"] = shape.exec(text) ?? [];
  const local = Date.parse(`${day}T${time}Z`);
  // A 30th of February is read as a day of March by some engines, and refused by others.
  if (Number.isNaN(local) || new Date(local).toISOString().slice(0, 19) !== `${day}T${time}`) return null;
  const epochMs = local - offsetMinutes(offset) * 60_000;
  const year = new Date(epochMs).getUTCFullYear();
  if (year < 1970 || year > 9999) return null;
  return `${new Date(epochMs).toISOString().slice(0, 19)}.${fraction.slice(0, 6).padEnd(6, "0")}+00:00`;
}

/** A date of a request, as an `Instant`. */
export const dateTime = z
  .string()
  .transform((given, context): Instant => {
    const instant = parseInstant(given);
    if (instant !== null) return instant;
    const message = `"${given.slice(0, 64)}" is no date: write it as 2026-01-31T10:20:30Z`;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  })
  .openapi({ type: "string", format: "date-time", example: "2026-01-31T10:20:30Z" });

function offsetMinutes(offset: string): number {
  if (offset === "Z" || offset === "z") return 0;
  const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(4, 6));
  return offset.startsWith("-") ? -minutes : minutes;
}

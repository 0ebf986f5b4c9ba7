/** An entry of a Redis stream, and the message that it is. */
import type { Message } from "../message.ts";

/** Names and values in turn. */
export type Fields = readonly Buffer[];

export interface EntryShape {
  /** The field that is the message's value. Of an entry without it the value is all its fields, as a JSON object. */
  readonly field: string;
  /** The field that is the message's key. */
  readonly keyField: string | null;
}

/** Of a name that comes more than once the last one counts. */
export function contentOf(
  id: string,
  fields: Fields,
  { field, keyField }: EntryShape,
): Pick<Message, "key" | "value" | "timestampMs" | "headers"> {
  const byName = new Map<string, Buffer>();
  for (let at = 0; at + 1 < fields.length; at += 2) byName.set(textOf(fields[at]), fields[at + 1] ?? noBytes);
  const key = keyField === null ? undefined : byName.get(keyField);
  return {
    key: key === undefined ? null : textOf(key),
    value: byName.get(field) ?? JSON.stringify(Object.fromEntries([...byName].map(([name, v]) => [name, textOf(v)]))),
    timestampMs: timeOf(id),
    headers: {},
  };
}

const noBytes = Buffer.alloc(0);
/** What is no UTF-8 becomes U+FFFD. */
const textOf = (bytes: Buffer | undefined): string => (bytes ?? noBytes).toString("utf8");

const firstTimeMs = Date.UTC(2001, 0);
const dayMs = 86_400_000;

/** Redis begins an id with the time at which the entry was added; a sender may have chosen another number. */
function timeOf(id: string): number {
  const ms = Number(id.slice(0, id.indexOf("-")));
  const nowMs = Date.now();
  return ms >= firstTimeMs && ms <= nowMs + dayMs ? ms : nowMs;
}

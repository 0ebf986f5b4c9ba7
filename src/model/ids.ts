/** Identifiers: uuids as lower-case hyphenated text, random ones and ones derived from a name (RFC 9562). */
import { createHash, randomUUID } from "node:crypto";

export type Uuid = string;
export type DatasetId = Uuid;
export type ProductId = Uuid;
export type JobId = Uuid;
export type TurnId = Uuid;

const hyphenated = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const loose = /^(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32})$/i;

/** Reads a uuid in any letter case, with or without hyphens; braces and `urn:` are refused. `null` if it is none. */
export function parseUuid(text: string): Uuid | null {
  if (hyphenated.test(text)) return text;
  if (!loose.test(text)) return null;
  const hex = text.replaceAll("-", "").toLowerCase();
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export const newUuid = (): Uuid => randomUUID();

/** Version 7 (RFC 9562, §5.7): begins with the time, so that ids of one day lie together. */
export function newTimeUuid(epochMs: number = Date.now()): Uuid {
  const random = randomUUID();
  return `${timePrefix(epochMs)}-7${random.slice(15)}`;
}

/** The smallest version 7 uuid of a moment: a bound of a partition. */
export const firstTimeUuid = (epochMs: number): Uuid => `${timePrefix(epochMs)}-0000-0000-000000000000`;

function timePrefix(epochMs: number): string {
  const hex = Math.floor(epochMs).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}

/** The namespace of every id that Orrery derives from something else's identity. */
const orreryNamespace = "9d4f6a52b1c05f0e8a7d3c21e5f60b48";

/** Derives the same uuid (version 5) from the same name, so that doing a thing twice makes one. */
export function derivedUuid(...name: string[]): Uuid {
  const digest = createHash("sha1").update(Buffer.from(orreryNamespace, "hex")).update(name.join("\u0000")).digest();
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x50;
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80;
  const hex = digest.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

/** Names and ids of telemetry in Redis, and what its errors mean. */
import type { StreamName } from "./telemetry.ts";

/** Entry numbers end here; only a seal lies beyond. */
export const lastEntryId = `${Number.MAX_SAFE_INTEGER}-0`;
export const sealId = "18446744073709551614-0";

export const streamKey = ({ ship, passId, token }: StreamName): string => `tm:{${ship}}:${passId}:${token}`;
export const countKey = (ship: string): string => `tm:{${ship}}`;
/** Octets of each stream, and the archived ones by when their time is over. */
const octetsKey = (ship: string): string => `tm:{${ship}}:octets`;
const archivedKey = (ship: string): string => `tm:{${ship}}:archived`;
/** What the scripts are given beside a stream. */
export const shipKeys = (ship: string) => [countKey(ship), octetsKey(ship), archivedKey(ship)] as const;
/** Of a stream, within its ship's key. */
export const streamNameOf = ({ passId, token }: StreamName): string => `${passId}:${token}`;
export const streamsKey = (ship: string): string => `tm:{${ship}}:streams`;

/** The entry's number of an id such as `17-0`. */
export const numberOf = (id: string): number => Number(id.slice(0, id.indexOf("-")));

/** XADD below what is there: this entry is stored already, or the stream is sealed. */
export function isSmallerId(error: unknown): boolean {
  return error instanceof Error && error.message.includes("equal or smaller than the target stream");
}

/** The octets that the hot store holds of the ship, when an entry found no room; else null. */
export function fullAt(error: unknown): number | null {
  const [, octets] = error instanceof Error ? (/^HOTFULL (\d+)/.exec(error.message) ?? []) : [];
  return octets === undefined ? null : Number(octets);
}

/** No connection, no answer in time, or an answer that means "not now". */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof TypeError || error instanceof RangeError) return false;
  if (error.name !== "ReplyError") return true;
  return /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|NOREPLICAS)/.test(error.message);
}

/** The connection was not there, so the command was never sent. */
export function isNeverSent(error: unknown): boolean {
  return error instanceof Error && error.message.includes("isn't writeable");
}

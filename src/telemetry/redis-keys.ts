/** Names and ids of telemetry in Redis, and what its errors mean. */
import type { StreamName } from "./telemetry.ts";

/** Entry numbers end here; only a seal lies beyond. */
export const lastEntryId = `${Number.MAX_SAFE_INTEGER}-0`;
export const sealId = "18446744073709551614-0";

export const streamKey = ({ ship, passId, token }: StreamName): string => `tm:{${ship}}:${passId}:${token}`;
export const countKey = (ship: string): string => `tm:{${ship}}`;
export const streamsKey = (ship: string): string => `tm:{${ship}}:streams`;

/** The entry's number of an id such as `17-0`. */
export const numberOf = (id: string): number => Number(id.slice(0, id.indexOf("-")));

/** XADD below what is there: this entry is stored already, or the stream is sealed. */
export function isSmallerId(error: unknown): boolean {
  return error instanceof Error && error.message.includes("equal or smaller than the target stream");
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

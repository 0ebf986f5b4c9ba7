/** Work that a store's outage may interrupt: tried again until it is done, fails for good, or nobody wants it any more. */
import { SqlError } from "../store/sql.ts";
import { TelemetryUnavailableError } from "../telemetry/telemetry.ts";

/** A later try may do: the store was away, or rolled us back. Whether it was done is not known, so the work must bear repetition. */
export function isTransient(error: unknown): boolean {
  if (error instanceof TelemetryUnavailableError) return true;
  return error instanceof SqlError && error.fault !== "data" && error.fault !== "defect";
}

const pauseMsFirst = 100;
const pauseMsMax = 2_000;

/** Null: given up, as `isWanted` said no. Throws what is not transient. */
export async function persistently<T>(work: () => Promise<T>, isWanted: () => boolean): Promise<T | null> {
  for (let pauseMs = pauseMsFirst; isWanted(); pauseMs = Math.min(pauseMs * 2, pauseMsMax)) {
    try {
      return await work();
    } catch (error) {
      if (!isTransient(error)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return null;
}

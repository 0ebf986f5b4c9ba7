/** Cancels a run: one commit disables everything that is not finished, so that every attempt stops and nothing more begins. */
import type { Clock } from "../model/clock.ts";
import { OverloadedError } from "../model/errors.ts";
import type { DatasetId } from "../model/ids.ts";
import { RevisionMovedError } from "../model/plan-errors.ts";
import type { Sql } from "../store/sql.ts";
import { markRunCancelled, type RunRow } from "../store/template-runs.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";

export interface CancelParts {
  readonly sql: Sql;
  readonly supervisor: Pick<Supervisor, "submit" | "read">;
  readonly clock: Clock;
}

const triesMax = 100;
const unfinished: ReadonlySet<string> = new Set(["waiting", "queued", "running"]);

/** Null: there is no such run. Cancelling twice is the same as once. */
export async function cancelRun(parts: CancelParts, runId: DatasetId, service: string): Promise<RunRow | null> {
  const { sql, supervisor, clock } = parts;
  // Noted first: a plan that is not there yet is not made.
  if ((await markRunCancelled(sql, runId, clock.now())) === null) return null;
  for (let tries = 0; tries < triesMax; tries++) {
    const view = await supervisor.read(runId);
    if (view === null) break;
    const { revision } = view;
    const productIds = [...view.products.values()]
      .filter(({ state }) => unfinished.has(state))
      .map((row) => row.productId);
    if (productIds.length === 0) break;
    try {
      const command = { type: "products.disable" as const, datasetId: runId, productIds };
      // Only as it was read: what has finished meanwhile keeps its result.
      await supervisor.submit(command, { service, cause: "run.cancel", ifRevision: revision });
      break;
    } catch (error) {
      if (!(error instanceof RevisionMovedError)) throw error;
      if (tries === triesMax - 1) throw new OverloadedError(`Run ${runId} changes too quickly: try again`);
    }
  }
  // Noted again: what began before this moment does not count as somebody's going on with it.
  return await markRunCancelled(sql, runId, clock.now());
}

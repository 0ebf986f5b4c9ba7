/** What running a job needs of its node. */
import type { Clock } from "../model/clock.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Sql } from "../store/sql.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";
import type { Templates } from "../templates/templates.ts";

export interface RunParts {
  readonly sql: Sql;
  readonly supervisor: Pick<Supervisor, "submit">;
  readonly templates: Templates;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly nodeId: string;
  /** Where this node's API answers; null without a port. */
  readonly url: string | null;
  readonly retryBaseMs: number;
  /** Aborts when the node can wait no longer: what is not stored by then is left to the lease's end. */
  readonly givingUp: AbortSignal;
  /** A job will be due so long from now: look then. */
  wakeIn(ms: number): void;
}

/** What running a job needs of its node. */
import type { Clock } from "../model/clock.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Sql } from "../store/sql.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";
import type { AttemptWriter } from "./attempts.ts";
import type { Bundles } from "./bundles.ts";
import type { Claims } from "./claims.ts";
import type { HeldJob } from "./held-job.ts";
import type { JobLog } from "./job-log.ts";
import type { QueueSeconds } from "./queue-seconds.ts";

export interface RunParts {
  readonly sql: Sql;
  readonly supervisor: Pick<Supervisor, "submit">;
  readonly attempts: AttemptWriter;
  readonly bundles: Bundles;
  readonly claims: Pick<Claims, "withRetryBudget">;
  readonly jobLog: JobLog;
  readonly seconds: QueueSeconds;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly nodeId: string;
  /** Where this node's API answers; null without a port. */
  readonly url: string | null;
  /** Aborts when the node can wait no longer: what is not stored by then is left to the lease's end. */
  readonly givingUp: AbortSignal;
  /** The compute is done, and its outcome about to be stored: the slot is free. */
  onRunEnd(held: HeldJob): void;
  /** A job will be due so long from now: look then. */
  wakeIn(ms: number): void;
}

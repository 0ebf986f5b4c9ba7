/** What the routes are made of: the runtime builds it, `createApp` hands it to every file of routes. */
import type { Callbacks } from "../compute/callbacks.ts";
import type { Computes } from "../compute/compute.ts";
import type { Config } from "../config.ts";
import type { Flows } from "../flow/flows.ts";
import type { Ground } from "../ground/ground.ts";
import type { LateData } from "../ground/late-data.ts";
import type { History } from "../history/history.ts";
import type { DueSignal } from "../jobs/due-signal.ts";
import type { Intake } from "../jobs/intake.ts";
import type { RemoteLeases } from "../jobs/remote-leases.ts";
import type { Clock } from "../model/clock.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Database } from "../store/sql.ts";
import type { Alarms } from "../supervisor/alarms.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { Scheduler } from "../templates/scheduler.ts";
import type { StoredTemplates } from "../templates/stored.ts";
import type { ApiKeys } from "./api-keys.ts";
import type { Guard } from "./guard.ts";

export interface AppParts {
  readonly config: Config;
  readonly supervisor: Supervisor;
  readonly database: Database;
  readonly auth: Guard;
  readonly keys: ApiKeys;
  readonly computes: Computes;
  readonly callbacks: Callbacks;
  readonly alarms: Alarms;
  readonly templates: StoredTemplates;
  readonly scheduler: Pick<Scheduler, "wake" | "lookAtRuns">;
  readonly ground: Ground;
  readonly flows: Flows;
  readonly history: History;
  readonly lateData: LateData;
  readonly due: DueSignal;
  readonly intake: Intake;
  readonly remote: RemoteLeases;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** False until everything is started, and again once it stops. */
  isReady(): boolean;
  /** Aborts when the process begins to stop: live streams end then. */
  readonly closing: AbortSignal;
}

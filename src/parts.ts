/** Builds a node's parts in order: store, telemetry, computes, templates, supervisor, ground, jobs, application. */
import { randomUUID } from "node:crypto";
import type { Hono } from "hono";
import manifest from "../package.json" with { type: "json" };
import { createCallbacks } from "./compute/callbacks.ts";
import { loadComputes } from "./compute/load.ts";
import { type Config, withoutPassword } from "./config.ts";
import { createGround } from "./ground/ground.ts";
import { createApp } from "./http/app.ts";
import { createAuth } from "./http/auth.ts";
import type { AppParts } from "./http/parts.ts";
import { createDueSignal } from "./jobs/due-signal.ts";
import { createIntake } from "./jobs/intake.ts";
import { jobTypesOf } from "./jobs/known-types.ts";
import { createJobRunner } from "./jobs/runner.ts";
import type { Clock } from "./model/clock.ts";
import { SetupError } from "./model/errors.ts";
import type { Log } from "./observe/log.ts";
import type { Metrics } from "./observe/metrics.ts";
import { sampleResidents, supervisorObserver } from "./observe/supervisor-metrics.ts";
import { sampleVacuum } from "./observe/vacuum-metrics.ts";
import { instantiateType } from "./store/instantiations.ts";
import { openDatabase } from "./store/open.ts";
import { makePartitions } from "./store/partitions.ts";
import { createPlanStore } from "./store/plans.ts";
import { readVacuumHorizon } from "./store/vacuum-horizon.ts";
import { createSupervisor } from "./supervisor/supervisor.ts";
import { systemTimers } from "./supervisor/system-timers.ts";
import type { Teardown } from "./teardown.ts";
import { openTelemetry } from "./telemetry/open.ts";
import { instantiateCompute } from "./templates/instantiate.ts";
import { loadTemplates } from "./templates/load.ts";

export interface Parts extends Omit<AppParts, "config" | "isReady"> {
  readonly app: Hono;
  readonly nodeId: string;
}

export interface BuildOrder {
  readonly config: Config;
  /** Where this node's API answers; null without a port. */
  readonly url: string | null;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly closing: AbortSignal;
  isReady(): boolean;
  readonly teardown: Teardown;
}

export async function buildParts(given: BuildOrder): Promise<Parts> {
  const { config, url, clock, log, metrics, teardown } = given;
  const nodeId = randomUUID();
  metrics.watchProcess();
  // What the operator wrote is checked first: a wrong template must not cost a migration.
  const callbacks = createCallbacks({ baseUrl: config.baseUrl, log });
  const { jobTypes, configDir } = config;
  const computes = await loadComputes(config.computes, configDir, { jobTypes, callbacks });
  const templates = await loadTemplates(config.templatesDir, computes);

  const database = await openDatabase(config, log);
  teardown.add("database", 1000, () => database.close());
  if (database.kind === "postgres") sampleVacuum(metrics, () => readVacuumHorizon(database.sql), clock);
  await callbacks.start(database);
  teardown.add("callbacks", 500, () => callbacks.stop());
  const telemetry = await openTelemetry(config, log).catch((error: Error) => {
    if (config.redisUrl === null) throw error;
    const where = withoutPassword(config.redisUrl);
    throw new SetupError(`Cannot use Redis at ${where}: ${error.message} (REDIS_URL)`, { cause: error });
  });
  teardown.add("telemetry", 1000, () => telemetry.close());

  const store = createPlanStore(database.sql);
  const alone = database.kind === "embedded";
  const observe = supervisorObserver(metrics, log);
  const supervisor = createSupervisor({ store, alone, clock, computes, timers: systemTimers, observe });
  sampleResidents(metrics, () => supervisor.residents());
  teardown.add("supervisor", 1000, () => supervisor.stop());

  const { dataDir, ground: settings } = config;
  const ground = createGround({ database, telemetry, clock, log, metrics, nodeId, dataDir, settings });
  teardown.add("ground", 2000, () => ground.stop());
  computes.addOwn(instantiateType, instantiateCompute(templates, supervisor, log));
  await makePartitions(database.sql, Date.now());
  const due = await createDueSignal(database, supervisor);
  teardown.add("hints of jobs", 500, () => due.stop());
  const { version } = manifest;
  const jobs = createJobRunner({ database, supervisor, due, computes, clock, log, metrics, nodeId, url, version });
  teardown.add("jobs", 2500, () => jobs.stop());
  const onEnqueued = due.announce;
  const intake = await createIntake({ database, types: jobTypesOf(computes), clock, log, onEnqueued });
  teardown.add("intake", 1000, () => intake.stop());
  const auth = createAuth(config);
  teardown.add("auth", 100, () => auth.stop());

  const parts = {
    config,
    supervisor,
    database,
    auth,
    computes,
    callbacks,
    templates,
    ground,
    due,
    intake,
    remote: jobs.remote,
    telemetry,
    clock,
    log,
    metrics,
    closing: given.closing,
  };
  const app = createApp({ ...parts, isReady: given.isReady });
  await Promise.all([ground.start(), jobs.start()]);
  return { ...parts, app, nodeId };
}

/** Builds a node's parts in order: store, telemetry, computes, templates, supervisor, ground, jobs, application. */
import { randomUUID } from "node:crypto";
import type { Hono } from "hono";
import manifest from "../package.json" with { type: "json" };
import { createCallbacks } from "./compute/callbacks.ts";
import { loadComputes, ownEnvironment } from "./compute/load.ts";
import { sendWebhook } from "./compute/webhook.ts";
import { type Config, withoutPassword } from "./config.ts";
import { createFlows } from "./flow/flows.ts";
import { readShips, storeShips } from "./ground/configured-ships.ts";
import { createGround } from "./ground/ground.ts";
import { createLateData } from "./ground/late-data.ts";
import { replayCompute } from "./ground/replay.ts";
import { createHistory } from "./history/history.ts";
import { startShipRetention } from "./history/ship-retention.ts";
import { createApiKeys } from "./http/api-keys.ts";
import { createApp } from "./http/app.ts";
import { createAuditTrail } from "./http/audit-trail.ts";
import { createAuth } from "./http/auth.ts";
import { createGuard } from "./http/guard.ts";
import type { AppParts } from "./http/parts.ts";
import { createSessions } from "./http/sessions.ts";
import { createDueSignal } from "./jobs/due-signal.ts";
import { createIntake } from "./jobs/intake.ts";
import { jobTypesOf } from "./jobs/known-types.ts";
import { createJobRunner } from "./jobs/runner.ts";
import type { Clock } from "./model/clock.ts";
import { SetupError } from "./model/errors.ts";
import { ownQueue } from "./model/job.ts";
import type { Log } from "./observe/log.ts";
import type { Metrics } from "./observe/metrics.ts";
import { sampleQueues } from "./observe/queue-metrics.ts";
import { sampleResidents, supervisorObserver } from "./observe/supervisor-metrics.ts";
import { sampleVacuum } from "./observe/vacuum-metrics.ts";
import { ownService } from "./services.ts";
import { instantiateType } from "./store/instantiations.ts";
import { renewType } from "./store/late-data.ts";
import { openDatabase } from "./store/open.ts";
import { makePartitions } from "./store/partitions.ts";
import { replayType } from "./store/pass-replays.ts";
import { createPlanStore } from "./store/plans.ts";
import { readVacuumHorizon } from "./store/vacuum-horizon.ts";
import { createAlarms } from "./supervisor/alarms.ts";
import { createSupervisor } from "./supervisor/supervisor.ts";
import { systemTimers } from "./supervisor/system-timers.ts";
import type { Teardown } from "./teardown.ts";
import { openTelemetry } from "./telemetry/open.ts";
import { createCompletenessGate } from "./templates/completeness-gate.ts";
import { createCondition } from "./templates/condition.ts";
import { instantiateCompute } from "./templates/instantiate.ts";
import { readFolder } from "./templates/load.ts";
import { renewCompute } from "./templates/renew.ts";
import { Scheduler } from "./templates/scheduler.ts";
import { createStoredTemplates } from "./templates/stored.ts";
import { conditionCompute, requireCompute, waitCompute } from "./templates/templates.ts";
import { createWait } from "./templates/wait.ts";

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
  const files = await readFolder(config.templatesDir, computes);
  const ships = readShips(config.ships);
  const definitions = config.flowsDir === null ? [] : await (await import("./flow/load.ts")).loadFlows(config.flowsDir);

  const database = await openDatabase(config, log);
  teardown.add("database", 1000, () => database.close());
  // Without them the default partitions take the rows, and the next round of retention tries again.
  await makePartitions(database.sql, Date.now()).catch((error: unknown) =>
    log.warn({ err: error }, "partitions could not be made yet"),
  );
  if (database.kind === "postgres") sampleVacuum(metrics, () => readVacuumHorizon(database.sql), clock);
  await callbacks.start(database);
  teardown.add("callbacks", 500, () => callbacks.stop());
  const { hotBytesMax } = config.ground;
  const telemetry = await openTelemetry({ ...config, hotBytesMax }, log).catch((error: Error) => {
    if (config.redisUrl === null) throw error;
    const where = withoutPassword(config.redisUrl);
    throw new SetupError(`Cannot use Redis at ${where}: ${error.message} (REDIS_URL)`, { cause: error });
  });
  teardown.add("telemetry", 1000, () => telemetry.close());

  const store = createPlanStore(database.sql);
  const alone = database.kind === "embedded";
  const observe = supervisorObserver(metrics, log);
  const supervisor = createSupervisor({ store, alone, clock, computes, timers: systemTimers, observe });
  computes.addInline(waitCompute, createWait());
  computes.addInline(conditionCompute, createCondition(supervisor));
  computes.addInline(requireCompute, createCompletenessGate(database.sql));
  const templates = createStoredTemplates({
    ...{ database, computes, files, clock, log, service: ownService, environment: process.env },
    cwd: config.templatesDir ?? config.configDir,
  });
  await templates.start();
  teardown.add("templates", 500, () => templates.stop());
  sampleResidents(metrics, () => supervisor.residents());
  teardown.add("supervisor", 1000, () => supervisor.stop());

  await storeShips(ships, { sql: database.sql, by: ownService, clock, log });
  const alarms = createAlarms({ database, log, metrics, webhook: config.alarms.webhook, send: sendWebhook });
  teardown.add("alarms", 1000, () => alarms.stop());
  const { dataDir, ground: settings } = config;
  const ground = createGround({ database, telemetry, clock, log, metrics, alarms, nodeId, dataDir, settings });
  teardown.add("ground", 2000, () => ground.stop());
  const retention = startShipRetention({ sql: database.sql, telemetry, dataDir, clock, log });
  teardown.add("retention", 1000, () => retention.stop());
  computes.addOwn(instantiateType, instantiateCompute({ sql: database.sql, templates, supervisor, clock }, log));
  computes.addOwn(replayType, replayCompute({ sql: database.sql, clock, log }));
  computes.addOwn(renewType, renewCompute({ sql: database.sql, templates, supervisor }, log));
  const environment = ownEnvironment();
  const flows = await createFlows({
    ...{ definitions, database, computes, nodeId, telemetry, clock, log, metrics, environment },
    redisUrl: config.redisUrl,
  });
  const due = await createDueSignal(database, supervisor);
  teardown.add("hints of jobs", 500, () => due.stop());
  const { version } = manifest;
  const own = { nodeId, url, version, ...config.jobs };
  const jobs = createJobRunner({ database, supervisor, due, computes, clock, log, metrics, ...own });
  teardown.add("jobs", 2500, () => jobs.stop());
  const onEnqueued = due.announce;
  const intake = await createIntake({
    ...{ database, types: jobTypesOf(computes), clock, log, metrics, onEnqueued },
    keepPlaces: (wanted) => jobs.places.keep(wanted),
  });
  teardown.add("intake", 1000, () => intake.stop());
  teardown.add("flows", 4500, () => flows.stop());
  sampleQueues(metrics, () => intake.depths.read());
  const wakeJobs = () => due.announce([{ queue: ownQueue, jobType: instantiateType, keyed: false }]);
  const scheduler = new Scheduler({ database, templates, supervisor, clock, log, metrics, wakeJobs });
  teardown.add("scheduler", 500, () => scheduler.stop());
  const keys = createApiKeys({ database, services: config.services, log });
  const audit = createAuditTrail({ sql: database.sql, log, metrics, now: () => clock.now() });
  const tokens = createAuth(config);
  const sessions = createSessions({ secretKey: config.secretKey, auth: tokens, keys });
  const auth = createGuard({ auth: tokens, keys, audit, sessions, baseUrl: config.baseUrl });
  teardown.add("auth", 1000, async () => {
    auth.stop();
    await Promise.all([audit.stop(), keys.stop()]);
  });

  const parts = {
    config,
    supervisor,
    database,
    auth,
    keys,
    alarms,
    computes,
    callbacks,
    templates,
    scheduler,
    ground,
    flows,
    history: createHistory({ sql: database.sql, telemetry }),
    lateData: createLateData({ sql: database.sql, clock, log, packetSizeMax: settings.packetSizeMax }),
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
  await Promise.all([ground.start(), jobs.start(), flows.start()]);
  alarms.start();
  scheduler.start();
  return { ...parts, app, nodeId };
}

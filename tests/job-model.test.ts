/** Walks the paths of the job machine against the SQL that jobs really live by: after every event both must agree. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { getShortestPaths } from "@xstate/graph";
import { type JobContext, type JobEvent, jobMachine } from "../actors/job.ts";
import { reap } from "../src/jobs/reaper.ts";
import { retryAfterFailure } from "../src/jobs/retry-policy.ts";
import { systemClock } from "../src/model/clock.ts";
import type { AttemptReport } from "../src/model/command.ts";
import { newUuid } from "../src/model/ids.ts";
import { createLog } from "../src/observe/log.ts";
import { beginFreeJob, endFreeJob, enqueueInstantiation, instantiateCompute } from "../src/store/free-jobs.ts";
import { leaseJobs, releaseLeases } from "../src/store/jobs.ts";
import type { Database } from "../src/store/sql.ts";
import { openTestDatabase } from "./support/database.ts";

const attemptsMax = 2;
const tokensMax = 4;
const farMs = 3_600_000;

let database: Database;
before(async () => {
  database = await openTestDatabase();
});
after(() => database.close());

const saidUnder = (token: number): JobEvent[] => [
  { type: "attempt.started", token },
  { type: "attempt.succeeded", token },
  { type: "attempt.failed", token },
  { type: "lease.released", token },
  { type: "lease.expired", token },
];

/** A cancellation is a turn of the product's dataset: the supervisor's tests have it. */
const paths = getShortestPaths(jobMachine, {
  input: { attemptsMax },
  events: ({ context: { token } }): readonly JobEvent[] => [{ type: "due" }, { type: "leased" }, ...saidUnder(token)],
  stopWhen: ({ context }) => context.token >= tokensMax,
});

async function newJob(): Promise<string> {
  const sourceKey = newUuid();
  const at = systemClock.now();
  await enqueueInstantiation(database.sql, {
    source: "test",
    sourceKey,
    templateId: "t",
    datasetId: newUuid(),
    params: {},
    at,
  });
  const [row] = await database.sql<{ jobId: string }>`
    update job set attempts_max = ${attemptsMax}::int, run_at = now() + interval '1 hour' where source_key = ${sourceKey} returning job_id as "jobId"`;
  return row?.jobId ?? assert.fail();
}

function report(attempt: number, outcome: AttemptReport["outcome"]): AttemptReport {
  const at = systemClock.now();
  return { attempt, workerId: "w", startedAt: at, finishedAt: at, outcome, error: null, output: "" };
}

/** What a holder, the reaper or time does to the row; a holder with an old token too. */
async function happen(jobId: string, event: JobEvent, context: JobContext, isBegun: boolean): Promise<void> {
  const { sql } = database;
  const end = { jobId, onlyIfExpired: false };
  switch (event.type) {
    case "due":
      await sql`update job set run_at = now() - interval '1 second' where job_id = ${jobId}::uuid and state = 'queued'`;
      return;
    case "leased":
      await leaseJobs(sql, { workerId: "w", leaseMs: farMs, wanted: [{ compute: instantiateCompute, countMax: 1 }] });
      return;
    case "attempt.started":
      await beginFreeJob(sql, { jobId, token: event.token });
      return;
    case "attempt.succeeded":
      await endFreeJob(sql, {
        ...end,
        token: event.token,
        to: "succeeded",
        runInMs: 0,
        report: report(context.attempt, "succeeded"),
      });
      return;
    case "attempt.failed": {
      const to = retryAfterFailure(context, 0.5) === null ? "dead" : "queued";
      await endFreeJob(sql, {
        ...end,
        token: event.token,
        to,
        runInMs: farMs,
        report: report(context.attempt, "failed"),
      });
      return;
    }
    case "lease.released":
      if (!isBegun) await releaseLeases(sql, [{ jobId, token: event.token }]);
      else
        await endFreeJob(sql, {
          ...end,
          token: event.token,
          to: "queued",
          runInMs: -1,
          report: report(context.attempt, "cancelled"),
        });
      return;
    case "lease.expired":
      await sql`update job set lease_until = now() - interval '1 second' where job_id = ${jobId}::uuid and token = ${event.token}::bigint`;
      await reap({
        sql,
        supervisor: { submit: () => assert.fail("it is no product's job") },
        clock: systemClock,
        log: createLog("silent"),
        retryBaseMs: farMs,
        held: new Map(),
      });
      return;
    case "cancelled":
      return;
    default:
      event satisfies never;
  }
}

interface Row {
  readonly state: string;
  readonly token: number;
  readonly attempt: number;
  readonly begun: boolean;
  readonly ahead: boolean;
}

async function rowOf(jobId: string): Promise<Row> {
  const [row] = await database.sql<Row>`
    select state, token, attempt, started_at is not null as begun, run_at > now() as ahead from job where job_id = ${jobId}::uuid`;
  return row ?? assert.fail();
}

function stateOf({ state, begun, attempt, ahead }: Row): string {
  if (state === "leased") return begun ? "running" : "leased";
  if (state !== "queued") return state;
  if (!ahead) return "queued";
  return attempt > 0 ? "backing-off" : "scheduled";
}

describe("the rows of a job", () => {
  it(`behave as its machine on all ${paths.length} shortest paths`, async () => {
    assert.ok(paths.length > 25);
    const seen = new Set<string>();
    for (const path of paths) {
      const jobId = await newJob();
      const told: string[] = [];
      let context: JobContext = { token: 0, attempt: 0, returned: 0, attemptsMax };
      let isBegun = false;
      for (const step of path.steps) {
        const { type }: { type: string } = step.event;
        if (type === "xstate.init") continue;
        await happen(jobId, step.event, context, isBegun);
        told.push(JSON.stringify(step.event));
        const row = await rowOf(jobId);
        context = step.state.context;
        isBegun = step.state.value === "running";
        assert.deepEqual(
          [stateOf(row), row.token, row.attempt],
          [step.state.value, context.token, context.attempt],
          told.join(", "),
        );
        seen.add(String(step.state.value));
      }
      const ended = await rowOf(jobId);
      for (const stale of saidUnder(context.token - 1)) await happen(jobId, stale, context, isBegun);
      assert.deepEqual(await rowOf(jobId), ended, `${told.join(", ")}, then an old token`);
      await database.sql`delete from job`;
    }
    for (const state of ["queued", "leased", "running", "backing-off", "succeeded", "dead"])
      assert.ok(seen.has(state), state);
  });
});

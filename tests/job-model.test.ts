/** Walks the paths of the job machine against the SQL that jobs really live by: after every event both must agree. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { getShortestPaths } from "@xstate/graph";
import { type JobContext, type JobEvent, jobMachine } from "../actors/job.ts";
import { createComputes } from "../src/compute/compute.ts";
import { createFunction } from "../src/compute/function.ts";
import { reap } from "../src/jobs/reaper.ts";
import { retryAfterFailure } from "../src/jobs/retry-policy.ts";
import { systemClock } from "../src/model/clock.ts";
import type { AttemptReport } from "../src/model/command.ts";
import { newTimeUuid } from "../src/model/ids.ts";
import { createLog } from "../src/observe/log.ts";
import { promoteDueJobs } from "../src/store/due-jobs.ts";
import { beginFreeJobs, endFreeJobs, type FreeJobEnd } from "../src/store/free-jobs.ts";
import { leaseJobs, releaseLeases } from "../src/store/jobs.ts";
import type { Database } from "../src/store/sql.ts";
import { openTestDatabase } from "./support/database.ts";

const attemptsMax = 2;
const tokensMax = 4;
const farMs = 3_600_000;
const queue = "default";
const jobType = "work";

let database: Database;
before(async () => {
  database = await openTestDatabase();
});
after(() => database.close());

const saidUnder = (token: number): JobEvent[] => [
  { type: "attempt.started", token },
  { type: "attempt.succeeded", token },
  { type: "attempt.failed", token },
  { type: "attempt.deferred", token },
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
  const jobId = newTimeUuid();
  const { sql } = database;
  await sql`insert into job_record (job_id, queue, job_type, priority, run_at, attempts_max, created_by, created_at)
    values (${jobId}::uuid, ${queue}, ${jobType}, 0, now() + interval '1 hour', ${attemptsMax}::int, 'test', now())`;
  await sql`insert into job (job_id, queue, job_type, state, priority, run_at, attempts_max)
    values (${jobId}::uuid, ${queue}, ${jobType}, 'scheduled', 0, now() + interval '1 hour', ${attemptsMax}::int)`;
  return jobId;
}

function report(attempt: number, outcome: AttemptReport["outcome"]): AttemptReport {
  const at = systemClock.now();
  return { attempt, workerId: "w", startedAt: at, finishedAt: at, outcome, code: null, error: null, output: "" };
}

/** What a holder, the reaper or time does to the row; a holder with an old token too. */
async function happen(jobId: string, event: JobEvent, context: JobContext, isBegun: boolean): Promise<void> {
  const { sql } = database;
  const { attempt } = context;
  const end = async (token: number, change: Pick<FreeJobEnd, "to" | "report"> & Partial<FreeJobEnd>): Promise<void> => {
    const none = { runInMs: 0, begins: false, givesBack: false, reason: null, result: null };
    await endFreeJobs(sql, [{ jobId, token, ...none, ...change }]);
  };
  switch (event.type) {
    case "due":
      await sql`update job set run_at = now() - interval '1 second' where job_id = ${jobId}::uuid and state in ('scheduled', 'backing-off')`;
      await promoteDueJobs(sql, 1);
      return;
    case "leased":
      await leaseJobs(sql, {
        workerId: "w",
        leaseMs: farMs,
        labels: [],
        policyVersion: 1,
        wanted: [{ queue, jobType, countMax: 1 }],
      });
      return;
    case "attempt.started":
      await beginFreeJobs(sql, [{ jobId, token: event.token }]);
      return;
    case "attempt.succeeded":
      return await end(event.token, { to: "succeeded", report: report(attempt, "succeeded") });
    case "attempt.failed": {
      const { inMs, reason } = retryAfterFailure(context, 0.5);
      const to = inMs === null ? "dead" : "queued";
      return await end(event.token, { to, runInMs: farMs, reason, report: report(attempt, "failed") });
    }
    case "attempt.deferred":
      return await end(event.token, {
        to: "queued",
        runInMs: farMs,
        givesBack: true,
        report: report(attempt, "deferred"),
      });
    case "lease.released":
      if (!isBegun) await releaseLeases(sql, [{ jobId, token: event.token }]);
      else await end(event.token, { to: "queued", givesBack: true, report: report(attempt, "cancelled") });
      return;
    case "lease.expired":
      await sql`update job set lease_until = now() - interval '1 second'
        where job_id = ${jobId}::uuid and token = ${event.token}::bigint and state = 'leased'`;
      await reap({
        sql,
        supervisor: { submit: () => assert.fail("it is no product's job") },
        computes: slowToRetry,
        clock: systemClock,
        log: createLog("silent"),
        held: new Map(),
      });
      return;
    case "cancelled":
      return;
    default:
      event satisfies never;
  }
}

/** A lost attempt is tried again so late that the next step finds it waiting. */
const slowToRetry = createComputes(
  new Map([
    [
      jobType,
      {
        ...createFunction(() => null),
        retry: { kind: "fixed", baseMs: farMs, maxMs: farMs, jitter: false } as const,
      },
    ],
  ]),
);

interface Row {
  readonly state: string;
  readonly token: number;
  readonly attempt: number;
}

async function rowOf(jobId: string): Promise<Row> {
  const [row] = await database.sql<Row>`
    select case when state = 'leased' and started_at is not null then 'running' else state end as state, token, attempt
    from job where job_id = ${jobId}::uuid
    union all select state, token, attempt from job_end where job_id = ${jobId}::uuid`;
  return row ?? assert.fail("there is no such job");
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
          [row.state, row.token, row.attempt],
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

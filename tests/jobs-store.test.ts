/** Leases of jobs on a real store: fenced by tokens, timed by the database's clock. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import type { AttemptReport } from "../src/model/command.ts";
import { newTimeUuid, newUuid } from "../src/model/ids.ts";
import { attemptsOf, recordEvidence } from "../src/store/attempts.ts";
import { dueLanes, promoteDueJobs } from "../src/store/due-jobs.ts";
import { beginFreeJobs, endFreeJobs, type FreeJobEnd } from "../src/store/free-jobs.ts";
import { enqueueInstantiation, instantiateType } from "../src/store/instantiations.ts";
import {
  expiredLeases,
  expireEveryLease,
  type Lease,
  leaseJobs,
  releaseLeases,
  renewLeases,
} from "../src/store/jobs.ts";
import { dropPartitions, makePartitions } from "../src/store/partitions.ts";
import { pruneAnswers, pruneSources } from "../src/store/retention.ts";
import type { Database, Sql } from "../src/store/sql.ts";
import { vacuumJobs } from "../src/store/vacuum.ts";
import { openTestDatabase } from "./support/database.ts";
import { jobOf } from "./support/job-rows.ts";
import { until } from "./support/signal.ts";

let database: Database;
let sql: Sql;
before(async () => {
  database = await openTestDatabase();
  sql = database.sql;
});
after(() => database.close());
beforeEach(() =>
  sql.script(`delete from job; delete from job_record; delete from job_end; delete from attempt; delete from job_source;
    delete from product; delete from dependency; delete from dataset`),
);

const at = "2026-01-31T10:20:30.123456+00:00";
const datasetId = newUuid();
const queue = "products";

interface Wish {
  readonly dueInS?: number;
  readonly productId?: string;
  readonly priority?: number;
  readonly requires?: string;
}

async function insertJob(jobType: string, wish: Wish = {}): Promise<string> {
  const { dueInS = -1, productId = newUuid(), priority = 0, requires = null } = wish;
  const jobId = newTimeUuid();
  await sql`
    insert into job_record (job_id, dataset_id, product_id, queue, job_type, priority, run_at, attempts_max, created_by, created_at)
    values (${jobId}::uuid, ${datasetId}::uuid, ${productId}::uuid, ${queue}, ${jobType}, ${priority}::int, now(), 3, 'x', now())`;
  await sql`
    insert into job (job_id, dataset_id, product_id, queue, job_type, state, priority, run_at, attempts_max, requires)
    values (${jobId}::uuid, ${datasetId}::uuid, ${productId}::uuid, ${queue}, ${jobType},
      case when ${dueInS}::float8 > 0 then 'scheduled' else 'queued' end, ${priority}::int,
      now() + ${dueInS}::float8 * interval '1 second', 3, ${requires}::text::text[])`;
  return jobId;
}

async function insertProduct(
  productId: string,
  name: string,
  passback: string | null,
  state = "success",
): Promise<void> {
  await sql`
    insert into product (dataset_id, product_id, compute, name, version, eager, passthrough, state, passback, modified_by, modified_at)
    values (${datasetId}::uuid, ${productId}::uuid, 'f', ${name}, '1', true, '{"n": 18446744073709551615}', ${state}, ${passback}, 'x', now())`;
}

const holder = { workerId: "node-1", leaseMs: 30_000, labels: [] as string[], policyVersion: 1 };

const lease = async (jobType = "f", countMax = 10, leaseMs = 30_000, own = queue) =>
  (await leaseJobs(sql, { ...holder, leaseMs, wanted: [{ queue: own, jobType, countMax }] })).jobs;

async function leaseOne(leaseMs = 30_000): Promise<Lease> {
  const [job] = await lease("f", 1, leaseMs);
  assert.ok(job);
  return job;
}

const stateOf = async (jobId: string): Promise<string | undefined> => (await jobOf(sql, jobId))?.state;

const report = (outcome: AttemptReport["outcome"]): AttemptReport => ({
  attempt: 1,
  workerId: "node-1",
  startedAt: at,
  finishedAt: at,
  outcome,
  code: outcome === "succeeded" ? null : "E1",
  error: outcome === "succeeded" ? null : "why",
  output: "printed",
});

describe("leasing", () => {
  it("takes due jobs only, the longest due first, up to the count of each lane", async () => {
    const [late, early] = [await insertJob("f", { dueInS: -5 }), await insertJob("f", { dueInS: -9 })];
    await insertJob("f", { dueInS: -1 });
    await insertJob("f", { dueInS: 60 });
    const other = await insertJob("g", { dueInS: -20 });
    await insertJob("h");
    const { jobs } = await leaseJobs(sql, {
      ...holder,
      wanted: [
        { queue, jobType: "f", countMax: 2 },
        { queue, jobType: "g", countMax: 5 },
      ],
    });
    assert.deepEqual(
      jobs.map((job) => job.jobId),
      [other, early, late],
    );
    assert.deepEqual(
      jobs.map((job) => [job.token, job.attempt, job.attemptsMax, job.returned]),
      [
        [1, 0, 3, 0],
        [1, 0, 3, 0],
        [1, 0, 3, 0],
      ],
    );
    assert.ok(jobs.every((job) => job.waitedS >= 5));
  });

  it("takes the more urgent first, whatever is due longer", async () => {
    await insertJob("f", { dueInS: -9 });
    const urgent = await insertJob("f", { dueInS: -1, priority: 5 });
    assert.deepEqual(
      (await lease("f", 1)).map((job) => job.jobId),
      [urgent],
    );
  });

  it("leaves a job to those who have the labels that it requires", async () => {
    const jobId = await insertJob("f", { requires: "{gpu,linux}" });
    const wanted = [{ queue, jobType: "f", countMax: 1 }];
    const countOf = async (labels: string[]) => (await leaseJobs(sql, { ...holder, labels, wanted })).jobs.length;
    assert.deepEqual([await countOf([]), await countOf(["gpu"]), await countOf(["linux", "arm", "gpu"])], [0, 0, 1]);
    assert.equal(await stateOf(jobId), "leased");
  });

  it("gives nothing under policies that have changed, and says what they are now", async () => {
    await insertJob("f");
    const wanted = [{ queue, jobType: "f", countMax: 1 }];
    assert.deepEqual(await leaseJobs(sql, { ...holder, policyVersion: 0, wanted }), { jobs: [], policyVersion: 1 });
  });

  it("finds the lanes that have due work, and queues what its time has come for", async () => {
    await insertJob("f");
    await insertJob("f");
    await insertJob("g");
    const ahead = await insertJob("h", { dueInS: 60 });
    const lanes = async () => (await dueLanes(sql, 10)).map((lane) => `${lane.queue}/${lane.jobType}`);
    assert.deepEqual(await lanes(), ["products/f", "products/g"]);
    assert.equal(await promoteDueJobs(sql, 10), 0);
    await sql`update job set run_at = now() where job_id = ${ahead}::uuid`;
    assert.equal(await promoteDueJobs(sql, 10), 1);
    assert.deepEqual(await lanes(), ["products/f", "products/g", "products/h"]);
  });

  it("gives no job to two callers", async () => {
    for (let i = 0; i < 40; i++) await insertJob("f");
    const batches = await Promise.all([1, 2, 3, 4, 5, 6].map(() => lease("f", 10)));
    const ids = batches.flat().map((job) => job.jobId);
    assert.deepEqual([ids.length, new Set(ids).size], [40, 40]);
  });

  it("brings what the run is given: dataset, product and the passbacks of parents that are not disabled", async () => {
    const [own, first, second, out] = [newUuid(), newUuid(), newUuid(), newUuid()];
    await sql`insert into dataset values (${datasetId}::uuid, false, '{"ship":"A"}', 'x', now())`;
    await insertProduct(own, "plot", null, "queued");
    await insertProduct(second, "csv", "null");
    await insertProduct(first, 'a "raw" file', '{"path":"/x\\u0000","n":1e400}');
    await insertProduct(out, "off", "1", "disabled");
    for (const parent of [first, second, out]) {
      await sql`insert into dependency values (${datasetId}::uuid, ${parent}::uuid, ${own}::uuid, null, 'x', now())`;
    }
    await insertJob("f", { productId: own });
    const [job] = await lease();
    assert.equal(job?.extra, '{"ship":"A"}');
    assert.deepEqual([job?.name, job?.version, job?.passthrough], ["plot", "1", '{"n": 18446744073709551615}']);
    assert.deepEqual(job?.parents, [
      { id: first, name: 'a "raw" file', version: "1", passback: '{"path":"/x\\u0000","n":1e400}' },
      { id: second, name: "csv", version: "1", passback: "null" },
    ]);
  });

  it("grows the token with each lease", async () => {
    const jobId = await insertJob("f");
    for (const token of [1, 2, 3]) {
      const [job] = await lease();
      assert.deepEqual([job?.jobId, job?.token], [jobId, token]);
      await releaseLeases(sql, [{ jobId, token }]);
    }
  });
});

describe("renewing", () => {
  it("renews an expired lease whose token is current, and tells which others are lost and why", async () => {
    for (let i = 0; i < 4; i++) await insertJob("f");
    const [expired, cancelled, taken, kept] = await lease("f", 4, -1000);
    assert.ok(expired && cancelled && taken && kept);
    await sql`delete from job where job_id = ${cancelled.jobId}::uuid`;
    await sql`insert into job_end (job_id, state, token, attempt, finished_at) values (${cancelled.jobId}::uuid, 'cancelled', 1, 0, now())`;
    await sql`update job set token = 2 where job_id = ${taken.jobId}::uuid`;
    const gone = { jobId: newUuid(), token: 1 };
    const lost = await renewLeases(sql, [expired, cancelled, taken, kept, gone], 30_000);
    const whyOf = new Map(lost.map((one) => [one.jobId, one.why]));
    assert.deepEqual(
      whyOf,
      new Map([
        [cancelled.jobId, "cancelled"],
        [taken.jobId, "superseded"],
        [gone.jobId, "superseded"],
      ]),
    );
    const left = await expiredLeases(sql, 10);
    assert.deepEqual(
      left.map((one) => one.jobId),
      [taken.jobId],
    );
  });
});

describe("expiry", () => {
  it("lists leases that ran out, and says whether the attempt had begun", async () => {
    await insertJob("f");
    const idle = await leaseOne(-1000);
    await insertJob("f");
    const begun = await leaseOne(-500);
    await insertJob("f");
    await leaseOne(30_000);
    await sql`update job set attempt = 1, started_at = ${at}::timestamptz where job_id = ${begun.jobId}::uuid`;
    const expired = await expiredLeases(sql, 10);
    assert.deepEqual(
      expired.map((one) => [one.jobId, one.token, one.attempt, one.startedAt]),
      [
        [idle.jobId, 1, 0, null],
        [begun.jobId, 1, 1, at],
      ],
    );
  });

  it("counts the leases before that ran out unbegun, and none that was given back or had begun", async () => {
    await insertJob("f");
    for (let times = 0; times < 3; times++) await releaseLeases(sql, [await leaseOne()]);
    const { jobId, token } = await leaseOne(-1000);
    assert.equal(token, 4);
    const note = (at: number, outcome: string, startedAt: string | null) => sql`
      insert into attempt (job_id, token, attempt, worker_id, started_at, finished_at, outcome, output)
      values (${jobId}::uuid, ${at}::bigint, 1, 'w', ${startedAt}::timestamptz, now(), ${outcome}, '')`;
    await note(1, "lost", null);
    await note(2, "lost", at);
    await note(3, "superseded", null);
    assert.deepEqual(
      (await expiredLeases(sql, 10)).map((one) => one.unbegunBefore),
      [1],
    );
  });

  it("comes at once for the leases of a dead predecessor, when a process is alone", async () => {
    await insertJob("f");
    const held = await leaseOne();
    assert.equal((await expiredLeases(sql, 10)).length, 0);
    await expireEveryLease(sql);
    assert.deepEqual(
      (await expiredLeases(sql, 10)).map((one) => one.jobId),
      [held.jobId],
    );
  });
});

describe("releasing", () => {
  it("queues a job whose attempt has not begun, and leaves a begun or lost one alone", async () => {
    for (let i = 0; i < 3; i++) await insertJob("f");
    const [idle, begun, lost] = await lease("f", 3);
    assert.ok(idle && begun && lost);
    await sql`update job set started_at = now() where job_id = ${begun.jobId}::uuid`;
    await releaseLeases(sql, [idle, begun, { ...lost, token: 7 }]);
    assert.deepEqual(await Promise.all([idle, begun, lost].map((job) => stateOf(job.jobId))), [
      "queued",
      "leased",
      "leased",
    ]);
  });
});

describe("a free-standing job", () => {
  const ask = { source: "pass", sourceKey: "p1", templateId: "orbit", datasetId, params: { ship: "A" }, at };

  it("is enqueued once for a source and its key", async () => {
    assert.deepEqual(
      [
        await enqueueInstantiation(sql, ask),
        await enqueueInstantiation(sql, ask),
        await enqueueInstantiation(sql, { ...ask, sourceKey: "p2" }),
      ],
      [true, false, true],
    );
    const jobs = await lease(instantiateType, 10, 30_000, "orrery");
    assert.deepEqual(
      jobs.map((job) => [job.datasetId, job.payload]),
      [
        [
          null,
          `{"templateId":"orbit","version":null,"datasetId":"${datasetId}","params":{"ship":"A"},"source":"pass"}`,
        ],
        [
          null,
          `{"templateId":"orbit","version":null,"datasetId":"${datasetId}","params":{"ship":"A"},"source":"pass"}`,
        ],
      ],
    );
  });

  const leaseIt = async () => {
    const [job] = await lease(instantiateType, 1, 30_000, "orrery");
    return job ?? assert.fail("nothing is due");
  };
  const end = (job: Lease, change: Partial<FreeJobEnd> = {}): FreeJobEnd => ({
    jobId: job.jobId,
    token: job.token,
    to: "succeeded",
    runInMs: 0,
    begins: false,
    givesBack: false,
    reason: null,
    result: '"done"',
    report: report("succeeded"),
    ...change,
  });

  it("is begun and ended by its holder, with a record of each attempt", async () => {
    await enqueueInstantiation(sql, ask);
    const first = await leaseIt();
    assert.equal((await beginFreeJobs(sql, [first])).size, 0);
    const failed = end(first, { to: "queued", result: null, report: report("failed") });
    assert.equal((await endFreeJobs(sql, [failed])).size, 0);
    const second = await leaseIt();
    assert.deepEqual([second.token, second.attempt], [2, 1]);
    await beginFreeJobs(sql, [second]);
    await endFreeJobs(sql, [end(second, { report: { ...report("succeeded"), attempt: 2 } })]);
    const { state, attempt } = (await jobOf(sql, first.jobId)) ?? assert.fail();
    assert.deepEqual([state, attempt], ["succeeded", 2]);
    const [row] = await sql<{ result: string }>`select result from job_end where job_id = ${first.jobId}::uuid`;
    assert.equal(row?.result, '"done"');
    assert.deepEqual(
      (await attemptsOf(sql, first.jobId)).map((one) => [one.attempt, one.outcome, one.startedAt, one.code, one.error]),
      [
        [1, "failed", at, "E1", "why"],
        [2, "succeeded", at, null, null],
      ],
    );
  });

  it("may begin and end in one statement, which counts the attempt once", async () => {
    await enqueueInstantiation(sql, ask);
    const job = await leaseIt();
    await endFreeJobs(sql, [end(job, { begins: true, to: "queued", report: report("failed") })]);
    const again = await leaseIt();
    assert.equal(again.attempt, 1);
    await beginFreeJobs(sql, [again]);
    await endFreeJobs(sql, [end(again, { begins: true, report: { ...report("succeeded"), attempt: 2 } })]);
    assert.equal((await jobOf(sql, job.jobId))?.attempt, 2);
  });

  it("comes back later without an attempt burned when it is given back", async () => {
    await enqueueInstantiation(sql, ask);
    const job = await leaseIt();
    await beginFreeJobs(sql, [job]);
    await endFreeJobs(sql, [end(job, { to: "queued", runInMs: 60_000, givesBack: true, report: report("deferred") })]);
    const [row] = await sql<{ state: string; returned: number; ahead: boolean }>`
      select state, returned, run_at > now() + interval '50 seconds' as ahead from job where job_id = ${job.jobId}::uuid`;
    assert.deepEqual(row, { state: "backing-off", returned: 1, ahead: true });
  });

  it("is not changed under a superseded token, and others of the same statement are", async () => {
    await enqueueInstantiation(sql, ask);
    await enqueueInstantiation(sql, { ...ask, sourceKey: "p2" });
    const [job, other] = [await leaseIt(), await leaseIt()];
    const stale = { ...job, token: 0 };
    assert.deepEqual(await beginFreeJobs(sql, [stale]), new Set([stale.jobId]));
    assert.deepEqual(await endFreeJobs(sql, [end(stale), end(other)]), new Set([stale.jobId]));
    assert.deepEqual(await endFreeJobs(sql, [end(job)], true), new Set([job.jobId]));
    assert.deepEqual([await stateOf(job.jobId), (await attemptsOf(sql, job.jobId)).length], ["leased", 0]);
    assert.equal(await stateOf(other.jobId), "succeeded");
  });

  it("that was given back is nobody's, though its token is still the last one", async () => {
    await enqueueInstantiation(sql, ask);
    const job = await leaseIt();
    await releaseLeases(sql, [job]);
    assert.deepEqual(await endFreeJobs(sql, [end(job)]), new Set([job.jobId]));
    assert.equal(await stateOf(job.jobId), "queued");
  });
});

describe("evidence", () => {
  it("is kept under the old token, unless that outcome did count", async () => {
    const jobId = await insertJob("f");
    const evidence = { jobId, token: 1, as: "superseded" as const, report: report("succeeded") };
    await recordEvidence(sql, evidence);
    await recordEvidence(sql, evidence);
    assert.deepEqual(
      (await attemptsOf(sql, jobId)).map((one) => one.outcome),
      ["superseded"],
    );
    await sql`update attempt set outcome = 'succeeded', token = 2`;
    await recordEvidence(sql, { ...evidence, token: 2 });
    assert.deepEqual(
      (await attemptsOf(sql, jobId)).map((one) => one.outcome),
      ["succeeded"],
    );
  });
});

describe("the table of live jobs", () => {
  it("is vacuumed once many of its rows are dead", { skip: !process.env.TEST_DATABASE_URL }, async () => {
    assert.equal(await vacuumJobs(sql, 1_000_000), false);
    await sql`insert into job (job_id, queue, job_type, state, priority, run_at, attempts_max)
      select gen_random_uuid(), 'q', 't', 'queued', 0, now(), 1 from generate_series(1, 3000)`;
    await sql`delete from job`;
    await until("the dead rows are known, and vacuumed", () => vacuumJobs(sql, 2000));
    await until("they are gone", async () => {
      const [row] = await sql<{ dead: number }>`
        select n_dead_tup as dead from pg_stat_user_tables where relid = 'job'::regclass`;
      return (row?.dead ?? 0) < 2000;
    });
  });
});

describe("retention", () => {
  const weekMs = 7 * 86_400_000;
  const nowMs = Date.parse("2026-03-04T00:00:00Z");
  const tables = async () =>
    (
      await sql<{
        name: string;
      }>`select relname as name from pg_class where relname ~ '^(job_|attempt|decision).*_2026' and relkind = 'r' order by 1`
    ).map(({ name }) => name);

  it("makes the partitions of this week and the next, once, on however many nodes", async () => {
    await Promise.all([makePartitions(sql, nowMs), makePartitions(sql, nowMs), makePartitions(sql, nowMs)]);
    const made = await tables();
    for (const table of ["job_record", "job_end", "attempt", "job_log", "decision"])
      assert.ok(made.includes(`${table}_20260302`) && made.includes(`${table}_20260309`), table);
    assert.equal(await makePartitions(sql, nowMs), 0);
  });

  it("drops old weeks whole, but none in which a job lives", async () => {
    await makePartitions(sql, nowMs);
    const [old, next] = [newTimeUuid(nowMs), newTimeUuid(nowMs + weekMs)];
    for (const jobId of [old, next]) {
      await sql`insert into job_record (job_id, queue, job_type, priority, run_at, attempts_max, created_by, created_at)
        values (${jobId}::uuid, 'q', 't', 0, now(), 1, 'x', now())`;
      await sql`insert into job (job_id, queue, job_type, state, priority, run_at, attempts_max)
        values (${jobId}::uuid, 'q', 't', 'scheduled', 0, now(), 1)`;
    }
    await sql`delete from job where job_id = ${old}::uuid`;
    const dropped = await dropPartitions(sql, nowMs + 5 * weekMs);
    assert.deepEqual(
      dropped.filter((name) => name.startsWith("job_record_2026")),
      ["job_record_20260302"],
    );
    assert.deepEqual([await jobOf(sql, old), (await jobOf(sql, next))?.state], [undefined, "scheduled"]);
  });

  it("removes old rows of the small tables in bounded batches", async () => {
    await sql`insert into idempotency values (${newUuid()}::uuid, 's', 'r', 'k', 'd', 'a', ${at}::timestamptz)`;
    for (const key of ["a", "b", "c"])
      await sql`insert into job_source values ('s', ${key}, ${newUuid()}::uuid, ${at}::timestamptz)`;
    assert.equal(await pruneAnswers(sql, 60, 10), 1);
    assert.deepEqual([await pruneSources(sql, 60, 2), await pruneSources(sql, 60, 2)], [2, 1]);
  });
});

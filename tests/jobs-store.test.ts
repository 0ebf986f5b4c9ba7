/** Leases of jobs on a real store: fenced by tokens, timed by the database's clock. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { newUuid } from "../src/model/ids.ts";
import { attemptsOf, jobsOfProduct, recordEvidence } from "../src/store/attempts.ts";
import { beginFreeJob, endFreeJob, enqueueInstantiation, instantiateCompute } from "../src/store/free-jobs.ts";
import {
  expiredLeases,
  expireEveryLease,
  type Lease,
  leaseJobs,
  releaseLeases,
  renewLeases,
} from "../src/store/jobs.ts";
import { pruneAnswers, pruneAttempts, pruneJobs } from "../src/store/retention.ts";
import type { Database, Sql } from "../src/store/sql.ts";
import { openTestDatabase } from "./support/database.ts";

let database: Database;
let sql: Sql;
before(async () => {
  database = await openTestDatabase();
  sql = database.sql;
});
after(() => database.close());
beforeEach(() =>
  sql.script("delete from job; delete from attempt; delete from product; delete from dependency; delete from dataset"),
);

const at = "2026-01-31T10:20:30.123456+00:00";
const datasetId = newUuid();

async function insertJob(compute: string, { dueInS = -1, productId = newUuid() } = {}): Promise<string> {
  const jobId = newUuid();
  await sql`
    insert into job (job_id, dataset_id, product_id, compute, state, run_at, attempts_max, created_at)
    values (${jobId}::uuid, ${datasetId}::uuid, ${productId}::uuid, ${compute}, 'queued',
      now() + ${dueInS}::float8 * interval '1 second', 3, now())`;
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

const lease = (compute = "f", countMax = 10, leaseMs = 30_000) =>
  leaseJobs(sql, { workerId: "node-1", leaseMs, wanted: [{ compute, countMax }] });

async function leaseOne(leaseMs = 30_000): Promise<Lease> {
  const [job] = await lease("f", 1, leaseMs);
  assert.ok(job);
  return job;
}

async function stateOf(jobId: string): Promise<string | undefined> {
  const [row] = await sql<{ state: string }>`select state from job where job_id = ${jobId}::uuid`;
  return row?.state;
}

const report = (outcome: "succeeded" | "failed" | "lost") => ({
  attempt: 1,
  workerId: "node-1",
  startedAt: at,
  finishedAt: at,
  outcome,
  error: outcome === "succeeded" ? null : "why",
  output: "printed",
});

describe("leasing", () => {
  it("takes due jobs only, the longest due first, up to the count of each compute", async () => {
    const [late, early] = [await insertJob("f", { dueInS: -5 }), await insertJob("f", { dueInS: -9 })];
    await insertJob("f", { dueInS: -1 });
    await insertJob("f", { dueInS: 60 });
    const other = await insertJob("g", { dueInS: -20 });
    await insertJob("h");
    const jobs = await leaseJobs(sql, {
      workerId: "node-1",
      leaseMs: 30_000,
      wanted: [
        { compute: "f", countMax: 2 },
        { compute: "g", countMax: 5 },
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
    assert.deepEqual(JSON.parse(job?.parents ?? ""), [
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
    await sql`update job set state = 'cancelled' where job_id = ${cancelled.jobId}::uuid`;
    await sql`update job set token = 2 where job_id = ${taken.jobId}::uuid`;
    const gone = { jobId: newUuid(), token: 1 };
    const lost = await renewLeases(sql, [expired, cancelled, taken, kept, gone], 30_000);
    const whyOf = new Map(lost.map((one) => [one.jobId, one.state]));
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
    const jobs = await lease(instantiateCompute);
    assert.deepEqual(
      jobs.map((job) => [job.datasetId, job.payload]),
      [
        [null, `{"templateId":"orbit","datasetId":"${datasetId}","params":{"ship":"A"}}`],
        [null, `{"templateId":"orbit","datasetId":"${datasetId}","params":{"ship":"A"}}`],
      ],
    );
  });

  it("is begun and ended by its holder, with a record of each attempt", async () => {
    await enqueueInstantiation(sql, ask);
    const [first] = await lease(instantiateCompute);
    assert.ok(first);
    assert.ok(await beginFreeJob(sql, first));
    const end = { ...first, runInMs: 0, onlyIfExpired: false };
    assert.ok(await endFreeJob(sql, { ...end, to: "queued", report: report("failed") }));
    const [second] = await lease(instantiateCompute);
    assert.deepEqual([second?.token, second?.attempt], [2, 1]);
    assert.ok(second && (await beginFreeJob(sql, second)));
    assert.ok(
      await endFreeJob(sql, { ...end, token: 2, to: "succeeded", report: { ...report("succeeded"), attempt: 2 } }),
    );
    assert.equal(await stateOf(first.jobId), "succeeded");
    assert.deepEqual(
      (await attemptsOf(sql, first.jobId)).map((one) => [one.attempt, one.outcome, one.startedAt, one.error]),
      [
        [1, "failed", at, "why"],
        [2, "succeeded", at, null],
      ],
    );
  });

  it("is not changed under a superseded token", async () => {
    await enqueueInstantiation(sql, ask);
    const [job] = await lease(instantiateCompute);
    assert.ok(job);
    const stale = { ...job, token: 0 };
    assert.equal(await beginFreeJob(sql, stale), false);
    const end = { runInMs: 0, onlyIfExpired: false, to: "succeeded" as const, report: report("succeeded") };
    assert.equal(await endFreeJob(sql, { ...stale, ...end }), false);
    assert.equal(await endFreeJob(sql, { ...job, ...end, onlyIfExpired: true }), false);
    assert.deepEqual([await stateOf(job.jobId), (await attemptsOf(sql, job.jobId)).length], ["leased", 0]);
  });
});

describe("evidence", () => {
  it("is kept under the old token, unless that outcome did count", async () => {
    const productId = newUuid();
    const jobId = await insertJob("f", { productId });
    const evidence = { jobId, token: 1, datasetId, productId, as: "superseded" as const, report: report("succeeded") };
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
    assert.deepEqual(
      (await jobsOfProduct(sql, { datasetId, productId, countMax: 5 })).map((job) => job.jobId),
      [jobId],
    );
  });
});

describe("retention", () => {
  it("removes what is old in bounded batches, and nothing that still has to be run", async () => {
    const [open, done, young] = [await insertJob("f"), await insertJob("f"), await insertJob("f")];
    const evidence = { token: 1, datasetId, productId: null, as: "superseded" as const };
    for (const jobId of [open, done]) await recordEvidence(sql, { ...evidence, jobId, report: report("failed") });
    await recordEvidence(sql, {
      ...evidence,
      jobId: young,
      report: { ...report("failed"), finishedAt: "2099-01-01T00:00:00Z" },
    });
    await sql`update job set created_at = ${at}::timestamptz, finished_at = ${at}::timestamptz where job_id <> ${young}::uuid`;
    await sql`update job set state = 'dead' where job_id <> ${open}::uuid`;
    await sql`insert into idempotency values (${open}::uuid, 's', 'r', 'k', 'd', 'a', ${at}::timestamptz)`;
    assert.deepEqual([await pruneAttempts(sql, 60, 1), await pruneAttempts(sql, 60, 10)], [1, 1]);
    assert.deepEqual([await pruneJobs(sql, 60, 10), await pruneAnswers(sql, 60, 10)], [1, 1]);
    assert.deepEqual(await Promise.all([open, done, young].map(stateOf)), ["queued", undefined, "dead"]);
  });
});

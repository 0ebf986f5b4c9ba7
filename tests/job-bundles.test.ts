/** Quick jobs leased together in one row: what others see of them, how they end, and what unties them. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import type { FunctionTask } from "../src/compute/function.ts";
import { Claims } from "../src/jobs/claims.ts";
import { systemClock } from "../src/model/clock.ts";
import type { AttemptReport } from "../src/model/command.ts";
import { newTimeUuid, newUuid } from "../src/model/ids.ts";
import { attemptsOf } from "../src/store/attempts.ts";
import {
  dropBundles,
  leaseBundle,
  renewBundles,
  untieBundleOf,
  untieBundles,
  untieExpiredBundles,
} from "../src/store/bundles.ts";
import { tellJob } from "../src/store/explain.ts";
import { endBundledJobs, endFreeJobs, type FreeJobEnd } from "../src/store/free-jobs.ts";
import { cancelFreeJob } from "../src/store/job-cancel.ts";
import { findJob, listJobs } from "../src/store/job-views.ts";
import { expiredLeases, expireEveryLease, type LeasedJob, leaseJobs, renewLeases } from "../src/store/jobs.ts";
import { countQueues } from "../src/store/queue-depths.ts";
import type { Database, Sql } from "../src/store/sql.ts";
import { openTestDatabase } from "./support/database.ts";
import { breakable, type Node, startNode } from "./support/jobs.ts";
import { until } from "./support/signal.ts";

let database: Database;
let sql: Sql;
before(async () => {
  database = await openTestDatabase({ maxConnections: 8 });
  sql = database.sql;
});
after(() => database.close());
beforeEach(() =>
  sql.script("delete from job; delete from bundle; delete from job_record; delete from job_end; delete from attempt"),
);

interface Wish {
  readonly key?: string;
  readonly datasetId?: string;
  readonly priority?: number;
  readonly requires?: string;
  readonly payload?: string;
}

async function enqueue(count: number, wish: Wish = {}): Promise<string[]> {
  const { key = null, datasetId = null, priority = 0, requires = null, payload = null } = wish;
  const jobIds = Array.from({ length: count }, () => newTimeUuid()).sort();
  const ids = `{${jobIds.join(",")}}`;
  await sql`
    insert into job_record (job_id, queue, job_type, dataset_id, product_id, payload, priority, run_at, attempts_max, concurrency_key,
      requires, created_by, created_at)
    select id, 'q', 'quick', ${datasetId}::uuid, ${datasetId}::uuid, ${payload}, ${priority}::int, now(), 3, ${key},
      ${requires}::text::text[], 'x', now() from unnest(${ids}::text::uuid[]) as id`;
  await sql`
    insert into job (job_id, queue, job_type, dataset_id, product_id, state, priority, run_at, attempts_max, concurrency_key, requires)
    select id, 'q', 'quick', ${datasetId}::uuid, ${datasetId}::uuid, 'queued', ${priority}::int, now(), 3, ${key},
      ${requires}::text::text[] from unnest(${ids}::text::uuid[]) as id`;
  return jobIds;
}

const policyVersion = async (): Promise<number> =>
  (await sql<{ version: number }>`select version from policy_version`)[0]?.version ?? 0;

async function lease(countMax: number, leaseMs = 30_000, version?: number): Promise<LeasedJob[]> {
  const own = { workerId: "w", leaseMs, labels: [], queue: "q", jobType: "quick", countMax };
  return (await leaseBundle(sql, { ...own, policyVersion: version ?? (await policyVersion()) })).jobs;
}

const at = "2026-01-31T10:20:30.123456+00:00";
function endOf(job: LeasedJob, change: Partial<FreeJobEnd> = {}): FreeJobEnd {
  const report: AttemptReport = {
    ...{ attempt: job.attempt + 1, workerId: "w", startedAt: at, finishedAt: at },
    ...{ outcome: "succeeded", code: null, error: null, output: "said" },
  };
  const { jobId, token, bundleId } = job;
  const own = { jobId, token, bundleId, to: "succeeded", runInMs: 0, begins: true, givesBack: false } as const;
  return { ...own, reason: null, result: '"done"', report, ...change };
}

const ids = (jobs: readonly LeasedJob[]): string[] => jobs.map(({ jobId }) => jobId);
const rows = async (): Promise<string[]> =>
  (await sql<{ jobId: string }>`select job_id as "jobId" from job order by job_id`).map(({ jobId }) => jobId);
const bundleCount = async (): Promise<number> => (await sql`select 1 from bundle`).length;
const first = (jobs: readonly LeasedJob[]): LeasedJob => jobs[0] ?? assert.fail("nothing was leased");

describe("a bundle", () => {
  it("is leased of what a lane has, the most urgent first, with all that its runs are given", async () => {
    const later = await enqueue(2, { payload: '{"n":12345678901234567890}' });
    const urgent = await enqueue(1, { priority: 5 });
    const jobs = await lease(10);
    assert.deepEqual(ids(jobs), [...urgent, ...later]);
    const { bundleId, payload, waitedS, ...rest } = jobs[1] ?? assert.fail();
    assert.ok(bundleId !== null && waitedS >= 0 && waitedS < 60);
    assert.equal(payload, '{"n":12345678901234567890}');
    assert.deepEqual(rest, {
      ...{ jobId: later[0], token: 1, attempt: 0, returned: 0, attemptsMax: 3, queue: "q", jobType: "quick" },
      ...{ concurrencyKey: null, datasetId: null, productId: null, timeoutMs: null, extra: null, name: null },
      ...{ version: null, passthrough: null, parents: [] },
    });
    assert.deepEqual([await rows(), await bundleCount()], [[], 1]);
  });

  it("is of no product's job, of none with a key or labels, and of none under policies that have changed", async () => {
    await enqueue(1, { key: "k" });
    await enqueue(1, { datasetId: newUuid() });
    await enqueue(1, { requires: "{gpu}" });
    assert.deepEqual(await lease(10), []);
    await enqueue(1);
    assert.deepEqual(await lease(10, 30_000, (await policyVersion()) + 1), []);
    assert.deepEqual([(await rows()).length, await bundleCount()], [4, 0]);
  });

  it("is not leased when a policy that came meanwhile stops its lane, however many lanes are asked for", async () => {
    await enqueue(1);
    const claims = new Claims(sql, systemClock);
    await claims.reload();
    await sql`
      insert into policy (scope, subject, paused, modified_by, modified_at) values ('queue', 'q', true, 'x', now())`;
    await sql`update policy_version set version = version + 1`;
    const lanes = [
      { queue: "other", jobType: "quick", keyed: false, countMax: 5 },
      { queue: "q", jobType: "quick", keyed: false, countMax: 5, isBundled: true },
    ];
    const { jobs } = await claims.claim({ workerId: "w", leaseMs: 30_000, labels: [] }, lanes);
    assert.deepEqual([jobs, await bundleCount(), (await rows()).length], [[], 0, 1]);
    await sql.script("delete from policy; update policy_version set version = version + 1");
  });

  it("shows its jobs as leased to whoever asks", async () => {
    const [jobId = ""] = await enqueue(2);
    await lease(10);
    const view = await findJob(sql, jobId);
    assert.deepEqual([view?.state, view?.workerId, view?.attempt], ["leased", "w", 0]);
    assert.ok(view?.leaseUntil);
    const filter = {
      queue: "q",
      jobType: null,
      datasetId: null,
      createdAfter: null,
      createdBefore: null,
      before: null,
    };
    assert.equal((await listJobs(sql, { ...filter, state: "leased", limit: 10 })).length, 2);
    assert.equal((await listJobs(sql, { ...filter, state: null, limit: 10 })).length, 2);
    const told = await tellJob(sql, jobId);
    assert.deepEqual([told?.liveState, told?.workerId], ["leased", "w"]);
    const [depth] = await countQueues(sql);
    assert.deepEqual(depth, { queue: "q", ready: 0, held: 0, scheduled: 0, running: 2, oldestDueAt: null });
  });

  it("ends its jobs with a record of their attempts, each once", async () => {
    await enqueue(3);
    const jobs = await lease(10);
    const [one, other, third] = jobs.map((job) => endOf(job));
    if (!one || !other || !third) assert.fail();
    assert.equal((await endBundledJobs(sql, [one])).size, 0);
    const dead = { ...third, to: "dead", reason: "not_retryable", result: null } as const;
    assert.equal((await endBundledJobs(sql, [other, dead])).size, 0);
    // Its outcome was not known, and it is sent again: the second one changes nothing.
    await assert.rejects(endBundledJobs(sql, [one, { ...other, result: "0" }]), { fault: "data" });
    assert.equal((await endBundledJobs(sql, [{ ...one, result: "0" }])).size, 0);
    const views = await Promise.all(jobs.map(({ jobId }) => findJob(sql, jobId)));
    assert.deepEqual(
      views.map((view) => [view?.state, view?.attempt, view?.result]),
      [
        ["succeeded", 1, '"done"'],
        ["succeeded", 1, '"done"'],
        ["dead", 1, null],
      ],
    );
    const attempts = await attemptsOf(sql, one.jobId);
    assert.deepEqual(
      attempts.map(({ token, attempt, outcome, output, startedAt }) => [token, attempt, outcome, output, startedAt]),
      [[1, 1, "succeeded", "said", at]],
    );
    await dropBundles(sql, [one.bundleId ?? ""]);
    assert.equal(await bundleCount(), 0);
  });
});

describe("a bundle that is untied", () => {
  it("leaves those of its jobs that have not ended as leased rows, under their tokens", async () => {
    await enqueue(3);
    const jobs = await lease(10);
    const [ended, kept, alsoKept] = jobs;
    if (!ended || !kept || !alsoKept) assert.fail();
    await endBundledJobs(sql, [endOf(ended)]);
    assert.equal(await untieBundleOf(sql, kept.jobId), 1);
    assert.deepEqual(await rows(), ids([kept, alsoKept]));
    // Its holder has not heard of it: it finds no bundle, and rows that are its own.
    const ends = [endOf(kept), endOf(alsoKept)];
    assert.deepEqual(await endBundledJobs(sql, ends), new Set(ids([kept, alsoKept])));
    assert.deepEqual(await renewLeases(sql, [kept], 30_000), []);
    assert.equal((await endFreeJobs(sql, ends)).size, 0);
    assert.deepEqual([await rows(), (await findJob(sql, kept.jobId))?.state], [[], "succeeded"]);
  });

  it("is none that others untied before", async () => {
    await enqueue(1);
    const { bundleId } = first(await lease(10));
    assert.deepEqual(
      await Promise.all([untieBundles(sql, [bundleId ?? ""]), untieBundles(sql, [bundleId ?? ""])]).then((counts) =>
        counts.sort(),
      ),
      [0, 1],
    );
    assert.equal((await rows()).length, 1);
    assert.equal((await renewBundles(sql, [bundleId ?? ""], 1_000)).size, 0);
  });

  it("waits for ends that are on their way, and does not bring them back", {
    skip: !process.env.TEST_DATABASE_URL,
  }, async () => {
    await enqueue(2);
    const [ended, kept] = await lease(10);
    if (!ended || !kept) assert.fail();
    let untying: Promise<number> | null = null;
    await sql.begin(async (tx) => {
      await endBundledJobs(tx, [endOf(ended)]);
      untying = untieBundleOf(sql, kept.jobId);
      await new Promise((resume) => setTimeout(resume, 50)); // it has to come to the lock
    });
    assert.equal(await untying, 1);
    assert.deepEqual(await rows(), [kept.jobId]);
  });

  it("is one whose holder was not heard of: its jobs' leases have run out", async () => {
    await enqueue(2);
    const jobs = await lease(10, -1);
    assert.deepEqual([await untieExpiredBundles(sql), await untieExpiredBundles(sql)], [1, 0]);
    const expired = await expiredLeases(sql, 10);
    assert.deepEqual(expired.map(({ jobId }) => jobId).sort(), ids(jobs));
    assert.deepEqual([expired[0]?.workerId, expired[0]?.token, expired[0]?.startedAt], ["w", 1, null]);
  });

  it("runs out at once when the process that held it is known to be gone", async () => {
    await enqueue(1);
    await lease(10);
    assert.equal(await untieExpiredBundles(sql), 0);
    await expireEveryLease(sql);
    assert.equal(await untieExpiredBundles(sql), 1);
  });

  it("lets one of its jobs be cancelled, and the others go on", async () => {
    const [cancelled = "", kept = ""] = await enqueue(2);
    await lease(10);
    assert.equal(await cancelFreeJob(sql, cancelled, "a client"), true);
    assert.deepEqual([(await findJob(sql, cancelled))?.state, await rows()], ["cancelled", [kept]]);
    assert.equal(await cancelFreeJob(sql, cancelled, "a client"), false);
  });

  it("gives its jobs a higher token with their next lease", async () => {
    await enqueue(1);
    const before = first(await lease(10, -1));
    await untieExpiredBundles(sql);
    await sql`update job set state = 'queued', worker_id = null, lease_until = null`;
    const wanted = [{ queue: "q", jobType: "quick", countMax: 1 }];
    const ask = { workerId: "v", leaseMs: 1_000, labels: [], wanted, policyVersion: await policyVersion() };
    const again = first((await leaseJobs(sql, ask)).jobs);
    assert.deepEqual([again.jobId, again.token], [before.jobId, 2]);
    assert.deepEqual(await endFreeJobs(sql, [endOf(before)]), new Set([before.jobId]));
  });
});

describe("a node with many jobs that are over at once", () => {
  const nodes: Node[] = [];
  afterEach(async () => {
    await Promise.all(nodes.splice(0).map((node) => node.stop()));
  });
  const start = async (quick: (task: FunctionTask) => unknown): Promise<void> => {
    nodes.push(await startNode(database, { functions: { quick } }));
  };
  const isDone = async (): Promise<boolean> =>
    (await sql`select 1 from job union all select 1 from bundled_job limit 1`).length === 0;
  const count = 3_000;

  it("leases them in bundles, runs each once, and leaves nothing behind", async () => {
    await enqueue(count);
    const runs = new Map<string, number>();
    let sawBundles = 0;
    const watching = setInterval(() => void bundleCount().then((seen) => (sawBundles += seen)), 5);
    await start(({ job }) => {
      runs.set(job.id, (runs.get(job.id) ?? 0) + 1);
      return null;
    });
    await until("all have ended", isDone);
    clearInterval(watching);
    assert.equal(runs.size, count);
    assert.ok([...runs.values()].every((times) => times === 1));
    assert.ok(sawBundles > 0, "no bundle was ever seen");
    await until("the bundles are gone", async () => (await bundleCount()) === 0);
    const [stored] = await sql<{ ends: number; attempts: number }>`
      select (select count(*)::int from job_end where state = 'succeeded') as ends,
        (select count(*)::int from every_attempt where outcome = 'succeeded') as attempts`;
    assert.deepEqual(stored, { ends: count, attempts: count });
  });

  it("unties what takes longer after all, what fails and what is cancelled", async () => {
    const jobIds = await enqueue(count);
    const [slow = "", failing = "", last = ""] = [jobIds[1500], jobIds[1900], jobIds.at(-1)];
    const { promise: isOver, resolve: letItEnd } = Promise.withResolvers<void>();
    let failed = 0;
    await start(({ job, attempt }) => {
      if (job.id === slow) return isOver;
      if (job.id !== failing || attempt > 1) return null;
      failed += 1;
      throw new Error("not this time");
    });
    await until("the slow one runs", async () => (await findJob(sql, slow))?.state === "running");
    await until("the others have ended", async () => (await findJob(sql, last))?.finishedAt !== null);
    assert.equal((await findJob(sql, slow))?.state, "running");
    letItEnd();
    await until("all have ended", isDone);
    assert.equal(failed, 1);
    assert.deepEqual(
      (await attemptsOf(sql, failing)).map(({ attempt, outcome }) => [attempt, outcome]),
      [
        [1, "failed"],
        [2, "succeeded"],
      ],
    );
    const [ends] = await sql<{ count: number }>`select count(*)::int as count from job_end where state = 'succeeded'`;
    assert.equal(ends?.count, count);
  });

  it("does not starve a product's job that lies among them", async () => {
    await enqueue(count);
    const [foreign = ""] = await enqueue(1, { datasetId: newUuid(), priority: -1 });
    await start(() => null);
    // It is of no plan that there is: enough that it was taken.
    await until("it is leased", async () => {
      const [row] = await sql<{ token: number }>`select token from job where job_id = ${foreign}::uuid`;
      return row === undefined || row.token > 0;
    });
    await sql`delete from job where job_id = ${foreign}::uuid`;
  });

  it("loses none of them when it stops while the database is away", async () => {
    await enqueue(count);
    const store = breakable(database);
    let ran = 0;
    const quick = (): null => {
      ran += 1;
      for (const beganMs = performance.now(); performance.now() - beganMs < 1; );
      return null;
    };
    const node = await startNode(store, { functions: { quick }, leaseMs: 500 });
    await until("it is under way", async () => ran > 1_200);
    store.isAway = true;
    await node.stop();
    store.isAway = false;
    const [left] = await sql<{ live: number; ends: number }>`
      select (select count(*)::int from (select 1 from job union all select 1 from bundled_job) as live) as live,
        (select count(*)::int from job_end) as ends`;
    assert.equal((left?.live ?? 0) + (left?.ends ?? 0), count);
    nodes.push(await startNode(database, { functions: { quick }, leaseMs: 500 }));
    await until("another node has ended the rest", isDone);
    const [ends] = await sql<{ count: number }>`select count(*)::int as count from job_end where state = 'succeeded'`;
    assert.equal(ends?.count, count);
  });

  it("gives back what waits when it stops", async () => {
    await enqueue(count);
    let ran = 0;
    await start(() => {
      ran += 1;
      for (const beganMs = performance.now(); performance.now() - beganMs < 1; );
      return null;
    });
    await until("it is under way", async () => ran > 1_200);
    await Promise.all(nodes.splice(0).map((node) => node.stop()));
    assert.equal(await bundleCount(), 0);
    const [left] = await sql<{ queued: number; ends: number }>`
      select (select count(*)::int from job where state = 'queued') as queued, (select count(*)::int from job_end) as ends`;
    assert.equal((left?.queued ?? 0) + (left?.ends ?? 0), count);
    assert.equal(left?.ends, ran);
  });
});

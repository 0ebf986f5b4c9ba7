/** Holds the tables against the clients' ledgers, after the drill: each job is there once and ended once, under its last token. */
import assert from "node:assert/strict";
import type { Sql } from "../../src/store/sql.ts";
import type { Entry, PlanEntry } from "./client.ts";
import type { Work } from "./work.ts";

interface JobRow {
  readonly jobId: string;
  readonly payload: string | null;
  readonly attemptsMax: number;
  readonly productId: string | null;
  readonly state: string | null;
  readonly reason: string | null;
  readonly token: number | null;
  readonly attempt: number | null;
  readonly result: string | null;
}

interface AttemptRow {
  readonly jobId: string;
  readonly token: number;
  readonly outcome: string;
  readonly startedS: number | null;
  readonly finishedS: number;
  readonly output: string;
}

/** Of what the store says and the runs wrote themselves. */
export interface Account {
  readonly jobs: number;
  readonly productJobs: number;
  readonly dead: number;
  readonly attempts: number;
  readonly lost: number;
  readonly superseded: number;
  readonly runs: number;
  /** Runs of a job beyond those that its attempts account for: work that was done twice. */
  readonly highestToken: number;
}

/** What has not ended yet, for people. */
export async function leftovers(
  sql: Sql,
): Promise<{ jobs: { jobId: string }[]; products: { productId: string }[]; ended: object[] }> {
  const jobs = await sql<{ jobId: string }>`
    select job_id as "jobId", job_type as "jobType", state, token, attempt, worker_id as "workerId", run_at as "runAt",
      lease_until as "leaseUntil", started_at as "startedAt", held_by as "heldBy", product_id as "productId", now()
    from job where queue <> 'orrery' limit 20`;
  const products = await sql<{ productId: string }>`
    select product_id as "productId", dataset_id as "datasetId", name, state from product where state <> 'success' limit 20`;
  const ended = await sql`
    select e.*, (select json_agg(a order by token) from every_attempt a where a.job_id = e.job_id) as attempts
    from job_end e join job_record r on r.job_id = e.job_id join product p on p.product_id = r.product_id
    where p.state = 'failed' limit 20`;
  return { jobs, products, ended };
}

export async function assertAccounted(
  sql: Sql,
  ledger: readonly Entry[],
  plans: readonly PlanEntry[],
  witnessed: readonly string[],
): Promise<Account> {
  const left = await sql<{ jobId: string; state: string }>`
    select job_id as "jobId", state from (
      select job_id, state, queue from job union all select job_id, state, queue from bundled_job) as live
    where queue <> 'orrery'`;
  assert.deepEqual(left, [], "not every job has ended");
  const rows = await sql<JobRow>`
    select r.job_id as "jobId", r.payload, r.attempts_max as "attemptsMax", r.product_id as "productId", e.state, e.reason,
      e.token, e.attempt, e.result
    from job_record r left join job_end e on e.job_id = r.job_id where r.queue <> 'orrery'`;
  const attemptRows = await sql<AttemptRow>`
    select a.job_id as "jobId", a.token, a.outcome, a.output, extract(epoch from a.started_at)::float8 as "startedS",
      extract(epoch from a.finished_at)::float8 as "finishedS"
    from every_attempt a join job_record r on r.job_id = a.job_id where r.queue <> 'orrery'`;
  const attempts = Map.groupBy(attemptRows, ({ jobId }) => jobId);
  const jobs = new Map(rows.map((row) => [row.jobId, row]));
  assert.equal(jobs.size, rows.length, "a job ended twice");

  assertLedger(jobs, ledger);
  for (const row of rows) assertEnded(row, attempts.get(row.jobId) ?? []);
  await assertPlans(sql, rows, plans);
  const [ends] = await sql<{ count: number }>`
    select count(*)::int as count from job_end e join job_record r on r.job_id = e.job_id where r.queue <> 'orrery'`;
  assert.equal(ends?.count, rows.length, "another number of ends than of jobs");
  const free = rows.filter(({ productId }) => productId === null);
  const [accepted] = await sql<{ count: number }>`
    select sum(count)::int as count from decision where kind = 'ingest' and code = 'ACCEPTED' and queue <> 'orrery'`;
  assert.equal(accepted?.count, free.length, "another number of acceptances than of jobs");

  // What ran says so itself: nothing counts as done that nobody did.
  const done = new Set(
    witnessed.filter((line) => line.endsWith(" ended")).map((line) => line.slice(0, -" ended".length)),
  );
  for (const { jobId, result, productId } of rows) {
    if (result === null || productId !== null) continue;
    const { nonce } = JSON.parse(result) as { nonce: string };
    assert.ok(done.has(`${jobId} ${nonce}`), `the result of ${jobId} is of no run that ended`);
  }
  const outcomes = (outcome: string): number => attemptRows.filter((one) => one.outcome === outcome).length;
  return {
    jobs: free.length,
    productJobs: rows.length - free.length,
    dead: rows.filter(({ state }) => state === "dead").length,
    attempts: attemptRows.length - outcomes("superseded"),
    lost: outcomes("lost"),
    superseded: outcomes("superseded"),
    runs: witnessed.filter((line) => line.endsWith(" began")).length,
    highestToken: Math.max(...rows.map(({ token }) => token ?? 0)),
  };
}

/** Each job that was acknowledged is there once, as it was asked for, and there is no other. */
function assertLedger(jobs: ReadonlyMap<string, JobRow>, ledger: readonly Entry[]): void {
  const acknowledged = ledger.flatMap(({ ids }) => ids);
  assert.equal(new Set(acknowledged).size, acknowledged.length, "two requests were answered with one job");
  const free = [...jobs.values()].filter(({ productId }) => productId === null);
  const known = new Set(acknowledged);
  const unknown = free.filter(({ jobId }) => !known.has(jobId));
  assert.deepEqual(unknown, [], "jobs that nobody was told of: a key made two");
  assert.equal(free.length, acknowledged.length);
  for (const { ids, jobs: wanted } of ledger) {
    for (const [i, jobId] of ids.entries()) {
      const row = jobs.get(jobId);
      assert.ok(row, `${jobId} was acknowledged, and is not there`);
      assert.deepEqual(JSON.parse(row.payload ?? "null"), wanted[i]?.payload, `${jobId} is another job`);
    }
  }
}

const endings: Readonly<Record<Work["end"], readonly [state: string, reason: string | null]>> = {
  well: ["succeeded", null],
  second: ["succeeded", null],
  stubborn: ["dead", "attempts_exhausted"],
  doomed: ["dead", "not_retryable"],
};

function assertEnded(row: JobRow, attempts: readonly AttemptRow[]): void {
  const { jobId, productId, attemptsMax, state, reason, token, attempt, result } = row;
  const told = JSON.stringify({ row, attempts }, null, 1);
  const work = JSON.parse(row.payload ?? "null") as Work | null; // a product's is with the product
  const [wantedState, wantedReason] = endings[productId === null && work !== null ? work.end : "well"];
  assert.deepEqual([state, reason], [wantedState, wantedReason], `${jobId} ended in another way: ${told}`);
  assert.ok(attempt !== null && attempt <= attemptsMax, `more attempts than allowed: ${told}`);

  const counted = attempts.filter(({ outcome }) => outcome !== "superseded").sort((a, b) => a.token - b.token);
  const tokens = counted.map((one) => one.token);
  assert.equal(new Set(tokens).size, tokens.length, `two attempts under one token: ${told}`);
  const succeeded = counted.filter(({ outcome }) => outcome === "succeeded");
  assert.equal(succeeded.length, state === "succeeded" ? 1 : 0, `succeeded another number of times: ${told}`);
  const last = counted.at(-1);
  assert.equal(last?.token, token, `it did not end under its last token: ${told}`);
  if (state === "succeeded") {
    assert.equal(succeeded[0], last, `its end is not of the attempt that succeeded: ${told}`);
    if (productId === null) {
      const { nonce } = JSON.parse(result ?? "null") as { nonce: string };
      assert.ok(last?.output.includes(`run ${nonce}`), `its result is another run's: ${told}`);
    }
  }
  // All clocks are this machine's: one lease begins when the one before has ended.
  for (const [i, one] of counted.entries()) {
    const next = counted[i + 1];
    if (next === undefined || next.startedS === null) continue;
    assert.ok(one.finishedS <= next.startedS, `two leases at one time: ${told}`);
  }
}

async function assertPlans(sql: Sql, rows: readonly JobRow[], plans: readonly PlanEntry[]): Promise<void> {
  const products = await sql<{ datasetId: string; productId: string; state: string }>`
    select dataset_id as "datasetId", product_id as "productId", state from product`;
  const wanted = plans.flatMap(({ datasetId, productIds }) => productIds.map((id) => `${datasetId} ${id} success`));
  const found = products.map(({ datasetId, productId, state }) => `${datasetId} ${productId} ${state}`);
  assert.deepEqual(found.sort(), wanted.sort(), "products have not succeeded");
  const jobs = rows.flatMap(({ productId }) => productId ?? []);
  assert.deepEqual(jobs.sort(), plans.flatMap(({ productIds }) => productIds).sort(), "not one job for each product");
}

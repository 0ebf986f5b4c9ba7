/** Free-standing jobs that are leased by the statement that stores them, as their node can run them at once. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import type { FunctionTask } from "../src/compute/function.ts";
import { createIntake, type EnqueueOrder, type Intake } from "../src/jobs/intake.ts";
import { systemClock } from "../src/model/clock.ts";
import { createLog } from "../src/observe/log.ts";
import { createMetrics } from "../src/observe/metrics.ts";
import { attemptsOf } from "../src/store/attempts.ts";
import { findJob } from "../src/store/job-views.ts";
import { savePolicy } from "../src/store/policy-rows.ts";
import { type Database, sqlOf } from "../src/store/sql.ts";
import { openTestDatabase } from "./support/database.ts";
import { breakable, type Node, startNode } from "./support/jobs.ts";
import { until } from "./support/signal.ts";

describe("a job that its node can run at once", () => {
  let database: Database;
  let node: Node;
  let intake: Intake;
  const claims: string[] = [];
  const ran: FunctionTask[] = [];
  const woken: string[] = [];

  before(async () => {
    database = await openTestDatabase({ maxConnections: 8 });
  });
  after(() => database.close());

  /** `on`: what the intake writes to. */
  async function start(on: Database = database): Promise<void> {
    const { sql } = database;
    const counted = sqlOf({
      query: (text, values, deadlineMs) => {
        if (/update job set state = 'leased'|insert into bundle/.test(text)) claims.push(text);
        return sql.query(text, values, deadlineMs);
      },
      begin: (work) => sql.begin(work),
      script: (text, deadlineMs) => sql.script(text, deadlineMs),
    });
    node = await startNode(
      { ...database, sql: counted },
      {
        functions: { work: (task) => void ran.push(task) },
        pollMs: 60_000,
      },
    );
    intake = await createIntake({
      ...{ database: on, clock: systemClock, log: createLog("silent"), metrics: createMetrics(), doubtMs: 300 },
      types: { names: () => ["work"], find: () => ({ attemptsMax: 3, requires: [] }) },
      onEnqueued: (lanes) => {
        const all = [...lanes];
        woken.push(...all.map(({ queue }) => queue));
        node.due.announce(all);
      },
      keepPlaces: (jobs) => node.runner.places.keep(jobs),
    });
  }
  afterEach(async () => {
    await intake.stop();
    await node.stop();
    await database.sql.script("delete from job; delete from policy; update policy_version set version = version + 1");
    for (const list of [claims, ran, woken]) list.length = 0;
  });

  const order = (queue: string, change: Partial<EnqueueOrder["jobs"][number]> = {}): EnqueueOrder => ({
    ...{ service: "test", idempotency: null, fieldOf: () => "" },
    jobs: [
      {
        ...{ queue, jobType: "work", payload: '{"n":1}', runAt: null, delayMs: null, priority: 0, attemptsMax: null },
        ...{ timeoutMs: null, concurrencyKey: null, requires: [], replayOf: null, ...change },
      },
    ],
  });
  const enqueue = async (queue: string, change = {}): Promise<string> =>
    (await intake.enqueue(order(queue, change))).jobIds[0] ?? assert.fail();
  const hasEnded = (jobId: string) => async () => (await findJob(database.sql, jobId))?.finishedAt !== null;
  /** Its lane is known, and nothing waits in it. */
  async function warm(queue: string): Promise<void> {
    await until("the first one has ended", hasEnded(await enqueue(queue)));
    await new Promise((resume) => setTimeout(resume, 50)); // the claim that found nothing more
    for (const list of [claims, ran, woken]) list.length = 0;
  }

  it("is never claimed, and runs once with all that it is given", async () => {
    await start();
    await warm("q1");
    const jobId = await enqueue("q1");
    await until("it has ended", hasEnded(jobId));
    assert.deepEqual([claims.length, woken], [0, []]);
    assert.deepEqual(
      ran.map(({ job, payload, attempt }) => [job, payload, attempt]),
      [[{ id: jobId, queue: "q1", type: "work" }, { n: 1 }, 1]],
    );
    assert.deepEqual(
      (await attemptsOf(database.sql, jobId)).map(({ token, attempt, outcome }) => [token, attempt, outcome]),
      [[1, 1, "succeeded"]],
    );
  });

  it("waits for a claim when it is due later, has a key, or comes in a crowd", async () => {
    await start();
    await warm("q2");
    const later = await enqueue("q2", { delayMs: 60_000 });
    assert.equal((await findJob(database.sql, later))?.state, "scheduled");
    await until("the keyed one has ended", hasEnded(await enqueue("q2", { concurrencyKey: "k" })));
    const { jobs, ...rest } = order("q2");
    const crowd = await intake.enqueue({ ...rest, jobs: Array.from({ length: 100 }, () => jobs[0] ?? assert.fail()) });
    for (const jobId of crowd.jobIds) await until("one of many has ended", hasEnded(jobId));
    assert.ok(claims.length > 0);
    assert.equal(ran.length, 101);
  });

  it("is stored without a lease when a policy has come that its node has not heard of", async () => {
    await start();
    await warm("q3");
    await database.sql`
      insert into policy (scope, subject, paused, modified_by, modified_at) values ('queue', 'q3', true, 'x', now())`;
    await database.sql`update policy_version set version = version + 1`;
    const jobId = await enqueue("q3");
    assert.equal((await findJob(database.sql, jobId))?.state, "queued");
    assert.equal(ran.length, 0);
  });

  it("is kept no place for when its node knows of a limit", async () => {
    await start();
    await warm("q4");
    const change = { scope: "queue", subject: "q4", by: "x", at: systemClock.now() } as const;
    await savePolicy(database.sql, { ...change, changes: { paused: true } });
    await until("the node has heard of it", async () => {
      const jobId = await enqueue("q4");
      return (await findJob(database.sql, jobId))?.state === "queued";
    });
    assert.equal(ran.length, 0);
  });

  it("leaves its place when it could not be stored", async () => {
    const store = breakable(database);
    await start(store);
    await warm("q5");
    store.isAway = true;
    await assert.rejects(enqueue("q5"));
    store.isAway = false;
    // All slots are free again.
    const jobIds = await Promise.all(Array.from({ length: 64 }, () => enqueue("q5")));
    for (const jobId of jobIds) await until("each has ended", hasEnded(jobId));
    assert.equal(ran.length, 64);
  });
});

/** Limits as users meet them: jobs of real nodes under policies, counted over all nodes; and what is noted when they wait. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { createFunction } from "../src/compute/function.ts";
import { newTimeUuid } from "../src/model/ids.ts";
import type { Database } from "../src/store/sql.ts";
import { openTestDatabase } from "./support/database.ts";
import { type Node, startNode } from "./support/jobs.ts";
import { until } from "./support/signal.ts";

let database: Database;
const nodes: Node[] = [];
before(async () => {
  database = await openTestDatabase({ maxConnections: 8 });
});
after(() => database.close());
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.stop()));
  await database.sql.script("delete from job; delete from policy; delete from decision; delete from bucket");
});

interface Wish {
  readonly queue?: string;
  readonly key?: string;
  readonly count: number;
}

async function enqueue({ queue = "q", key, count }: Wish): Promise<void> {
  for (let i = 0; i < count; i++) {
    const jobId = newTimeUuid();
    await database.sql`
      insert into job_record (job_id, queue, job_type, priority, run_at, attempts_max, concurrency_key, created_by, created_at)
      values (${jobId}::uuid, ${queue}, 'busy', 0, now(), 3, ${key ?? null}, 'x', now())`;
    await database.sql`
      insert into job (job_id, queue, job_type, state, priority, run_at, attempts_max, concurrency_key)
      values (${jobId}::uuid, ${queue}, 'busy', 'queued', 0, now(), 3, ${key ?? null})`;
  }
}

/** Sets a policy as its route does: the version moves with it. */
async function setPolicy(scope: string, subject: string, settings: string): Promise<void> {
  await database.sql.script(`insert into policy (scope, subject, modified_by, modified_at) values ('${scope}', '${subject}', 'x', now())
    on conflict do nothing; update policy set ${settings} where scope = '${scope}' and subject = '${subject}';
    update policy_version set version = version + 1`);
}

/** Two nodes whose runs are counted together. */
async function start(runMs = 15): Promise<{ readonly most: number; readonly runs: number; readonly starts: number[] }> {
  const seen = { most: 0, runs: 0, starts: [] as number[] };
  let running = 0;
  const busy = createFunction(async () => {
    running += 1;
    seen.runs += 1;
    seen.starts.push(performance.now());
    seen.most = Math.max(seen.most, running);
    await new Promise((resume) => setTimeout(resume, runMs)); // the work itself
    running -= 1;
  });
  for (let i = 0; i < 2; i++) nodes.push(await startNode(database, { functions: { busy } }));
  return seen;
}

const isEmpty = async (): Promise<boolean> => (await database.sql`select 1 from job limit 1`).length === 0;
const codes = async (): Promise<string[]> =>
  (await database.sql<{ code: string }>`select distinct code from decision where kind = 'policy' order by code`).map(
    ({ code }) => code,
  );

describe("a queue's concurrency", () => {
  it("is kept over two nodes, and why the rest waits is noted", async () => {
    await setPolicy("queue", "q", "concurrency_max = 3");
    await enqueue({ count: 30 });
    const seen = await start();
    await until("all have run", isEmpty);
    assert.deepEqual([seen.runs, seen.most, await codes()], [30, 3, ["QUEUE_CONCURRENCY"]]);
  });

  it("holds for a policy that comes while jobs run, and for no other queue", async () => {
    await enqueue({ count: 10 });
    await enqueue({ queue: "free", count: 10 });
    await setPolicy("queue", "q", "concurrency_max = 1");
    const seen = await start(40);
    await until("the free ones have run", () => seen.runs >= 11);
    assert.ok(seen.most >= 5, `only ${seen.most} ran at once`);
    await until("all have run", isEmpty);
  });
});

describe("a concurrency key", () => {
  it("runs one job at a time over two nodes, in their order, while others go on", async () => {
    await enqueue({ key: "customer-7", count: 12 });
    await enqueue({ key: "customer-8", count: 12 });
    const seen = await start();
    await until("all have run", isEmpty);
    assert.deepEqual([seen.runs, seen.most, await codes()], [24, 2, ["KEY_CONCURRENCY"]]);
  });

  it("lets as many run as its queue's policy says", async () => {
    await setPolicy("queue", "q", "key_concurrency_max = 4");
    await enqueue({ key: "k", count: 24 });
    const seen = await start();
    await until("all have run", isEmpty);
    assert.deepEqual([seen.runs, seen.most], [24, 4]);
  });

  it("goes on when the node that held its job is gone", async () => {
    await enqueue({ key: "k", count: 2 });
    await database.sql`update job set state = 'leased', token = 1, worker_id = 'dead', lease_until = now() + interval '300 milliseconds'
      where job_id = (select job_id from job order by job_id limit 1)`;
    const never = createFunction(() => null);
    nodes.push(await startNode(database, { functions: { busy: never }, leaseMs: 300 }));
    await until("both have run", isEmpty);
  });
});

describe("a queue's rate", () => {
  it("is not passed over two nodes, bursts included", async () => {
    await setPolicy("queue", "q", "rate_per_s = 20, rate_burst = 4");
    await enqueue({ count: 20 });
    const seen = await start(1);
    await until("all have run", isEmpty);
    const [first = 0] = seen.starts;
    // With a burst of 4, the twentieth may start 16 / 20 s after the first at the soonest.
    const lastMs = Math.max(...seen.starts) - first;
    assert.ok(lastMs >= 750, `20 jobs started within ${lastMs} ms`);
    assert.deepEqual(await codes(), ["QUEUE_RATE"]);
  });
});

describe("a paused queue", () => {
  it("starts nothing until it goes on", async () => {
    await setPolicy("queue", "q", "paused = true");
    await enqueue({ count: 5 });
    const seen = await start();
    await enqueue({ queue: "other", count: 1 });
    await until("the other queue's job has run", () => seen.runs === 1);
    const [row] = await database.sql<{ count: number }>`select count(*)::int as count from job where state = 'queued'`;
    assert.equal(row?.count, 5);
    await setPolicy("queue", "q", "paused = false");
    await until("all have run", isEmpty);
  });
});

describe("a queue's retry budget", () => {
  it("makes failed jobs wait beyond it, and notes that", async () => {
    await setPolicy("queue", "q", "retries_per_min = 2");
    await enqueue({ count: 6 });
    const fails = createFunction(() => {
      throw new Error("no");
    });
    nodes.push(await startNode(database, { functions: { busy: fails } }));
    await until("the budget is spent", async () => (await codes()).includes("RETRY_BUDGET"));
    await until("the rest waits", async () => {
      const rows =
        await database.sql`select 1 from job where state = 'backing-off' and run_at > now() + interval '10 seconds'`;
      return rows.length >= 4;
    });
  });
});

/** Nodes whose clocks are wrong by an hour, and nodes that share a queue: leases and due times go by the database's clock only. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { type Clock, instantOf, systemClock } from "../src/model/clock.ts";
import { newTimeUuid } from "../src/model/ids.ts";
import { attemptsOf } from "../src/store/attempts.ts";
import type { Database } from "../src/store/sql.ts";
import { openTestDatabase } from "./support/database.ts";
import { jobOf } from "./support/job-rows.ts";
import { heldFunction, type Node, type NodeSettings, pausable, startNode } from "./support/jobs.ts";
import { until } from "./support/signal.ts";

const hourMs = 3_600_000;
/** Long enough that a busy machine renews in time. */
const leaseMs = 1_000;

let database: Database;
const nodes: Node[] = [];
before(async () => {
  database = await openTestDatabase({ maxConnections: 8 });
});
after(() => database.close());
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.stop()));
  await database.sql.script("delete from job");
});

const clockOff = (byMs: number): Clock => ({
  now: () => instantOf(performance.timeOrigin + performance.now() + byMs),
  monotonicMs: () => systemClock.monotonicMs() + byMs,
});

async function start(settings: NodeSettings, on = database): Promise<Node> {
  const node = await startNode(on, { leaseMs, ...settings });
  nodes.push(node);
  return node;
}

/** Due in so many seconds. */
async function enqueue(inS = 0): Promise<string> {
  const jobId = newTimeUuid();
  const { sql } = database;
  await sql`
    insert into job_record (job_id, queue, job_type, priority, run_at, attempts_max, created_by, created_at)
    values (${jobId}::uuid, 'q', 'f', 0, now() + ${inS}::float8 * interval '1 second', 5, 'test', now())`;
  await sql`
    insert into job (job_id, queue, job_type, state, priority, run_at, attempts_max)
    values (${jobId}::uuid, 'q', 'f', case when ${inS}::float8 > 0 then 'scheduled' else 'queued' end, 0,
      now() + ${inS}::float8 * interval '1 second', 5)`;
  return jobId;
}

const outcomes = async (jobId: string) => (await attemptsOf(database.sql, jobId)).map(({ outcome }) => outcome);
const ended = (jobId: string) =>
  until("it succeeds", async () => (await jobOf(database.sql, jobId))?.state === "succeeded");

async function leaseUntil(jobId: string): Promise<string | null> {
  const [row] = await database.sql<{ at: string | null }>`
    select lease_until::text as at from job where job_id = ${jobId}::uuid`;
  return row?.at ?? null;
}

for (const [name, byMs] of [
  ["ahead", hourMs],
  ["behind", -hourMs],
] as const) {
  describe(`a node whose clock is an hour ${name}`, () => {
    it("takes nothing from another that renews its lease, and loses nothing to one", async () => {
      const held = heldFunction();
      const jobIds = [await enqueue(), await enqueue()];
      // One slot each: both of them hold one.
      const slots = { functions: { f: held.work }, concurrency: 1 };
      await Promise.all([start({ ...slots, clock: clockOff(byMs) }), start(slots)]);
      const runs = await Promise.all([held.run(0), held.run(1)]);
      for (const jobId of jobIds) {
        const seen = new Set<string | null>();
        // Two leases are over by then, had nobody renewed them.
        await until("it is renewed", async () => seen.add(await leaseUntil(jobId)).size > 7);
      }
      for (const run of runs) run.finish();
      for (const jobId of jobIds) {
        await ended(jobId);
        assert.deepEqual(await outcomes(jobId), ["succeeded"]);
      }
    });

    it("takes over what a dead one held, when the database says that its lease is over", async () => {
      const dead = pausable(database);
      const lost = heldFunction();
      const node = await startNode(dead, { functions: { f: lost.work }, leaseMs });
      const jobId = await enqueue();
      await lost.run(0);
      await until("its start is stored", async () => (await jobOf(database.sql, jobId))?.attempt === 1);
      dead.pause();
      const pausedMs = performance.now();
      await start({ functions: { f: () => null }, clock: clockOff(byMs) });
      await ended(jobId);
      assert.ok(performance.now() - pausedMs > leaseMs / 2, "it was taken before its lease was over");
      assert.deepEqual(await outcomes(jobId), ["lost", "succeeded"]);
      dead.resume();
      nodes.push(node);
    });

    it("runs what is due, and not what is due in an hour", async () => {
      const later = await enqueue(hourMs / 1000 - 60);
      const soon = await enqueue(0.3);
      await start({ functions: { f: () => null }, clock: clockOff(byMs) });
      await ended(soon);
      assert.equal((await jobOf(database.sql, later))?.state, "scheduled");
    });
  });
}

describe("two nodes on one queue", () => {
  it("run each job once, and both take their part", async () => {
    const runs = new Map<string, number>();
    const parts = [0, 0];
    const functions = (at: 0 | 1) => ({
      f: async ({ job }: { job: { id: string } }) => {
        parts[at] = (parts[at] ?? 0) + 1;
        runs.set(job.id, (runs.get(job.id) ?? 0) + 1);
        await new Promise((resolve) => setTimeout(resolve, 30)); // longer than what is leased ahead;
      },
    });
    const jobIds = new Set<string>();
    for (let count = 0; count < 300; count++) jobIds.add(await enqueue());
    const settings = { concurrency: 4, leaseMs: 30_000 };
    await Promise.all([
      start({ ...settings, functions: functions(0) }),
      start({ ...settings, functions: functions(1) }),
    ]);
    const left = async () => (await database.sql`select 1 from job limit 1`).length;
    await until("all have ended", async () => (await left()) === 0, 60_000);
    assert.deepEqual(new Set(runs.keys()), jobIds);
    assert.ok([...runs.values()].every((times) => times === 1));
    assert.ok(
      parts.every((part) => part > 0),
      `${parts}`,
    );
  });
});

/** What holds vacuum back is seen in /metrics: an open transaction by its age, dead jobs by their number. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import postgres from "postgres";
import { createMetrics } from "../src/observe/metrics.ts";
import { sampleVacuum } from "../src/observe/vacuum-metrics.ts";
import { readVacuumHorizon } from "../src/store/vacuum-horizon.ts";
import { openTestDatabase } from "./support/database.ts";
import { openTestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const gauge = (text: string, name: string): number =>
  Number(new RegExp(`^orrery_${name} (\\S+)$`, "m").exec(text)?.[1]?.replace("Nan", "NaN"));

describe("the gauges of vacuum", () => {
  it("are asked for at most every 15 s, and say NaN when the database does not answer", async () => {
    const metrics = createMetrics();
    let nowMs = 0;
    let asked = 0;
    let fails = false;
    const read = () => {
      asked += 1;
      return fails
        ? Promise.reject(new Error("gone"))
        : Promise.resolve({ oldestS: asked, oldestXids: 7, deadJobs: 3 });
    };
    sampleVacuum(metrics, read, { monotonicMs: () => nowMs });
    const ageAt = async (ms: number) => {
      nowMs = ms;
      return gauge(await metrics.text(), "database_oldest_xmin_age_seconds");
    };
    assert.deepEqual([await ageAt(0), await ageAt(14_999), await ageAt(15_000)], [1, 1, 2]);
    const text = await metrics.text();
    assert.equal(gauge(text, "database_oldest_xmin_age_transactions"), 7);
    assert.equal(gauge(text, "job_dead_tuples"), 3);
    fails = true;
    assert.equal(await ageAt(30_000), Number.NaN);
    assert.equal(asked, 3);
  });

  it("do not keep a scrape waiting for a database that hangs", async () => {
    const metrics = createMetrics();
    sampleVacuum(metrics, () => new Promise(() => {}), { monotonicMs: () => 0 });
    assert.equal(gauge(await metrics.text(), "job_dead_tuples"), 0);
  });

  it("are in /metrics, and 0 on the embedded store", async () => {
    const { request, stop } = await openTestRuntime();
    try {
      const { text } = await request("GET", "/metrics");
      for (const name of [
        "database_oldest_xmin_age_seconds",
        "database_oldest_xmin_age_transactions",
        "job_dead_tuples",
      ])
        assert.ok(gauge(text, name) >= 0, `${name} in ${text}`);
    } finally {
      await stop();
    }
  });
});

const skip = process.env.TEST_DATABASE_URL ? false : "needs a Postgres: TEST_DATABASE_URL";

describe("what holds vacuum back", { skip }, () => {
  it("is the oldest transaction with a snapshot, in this database", async () => {
    const database = await openTestDatabase();
    const [row] = await database.sql<{ name: string }>`select current_database() as name`;
    const url = Object.assign(new URL(process.env.TEST_DATABASE_URL ?? ""), { pathname: `/${row?.name}` }).href;
    const other = postgres(url, { max: 1, onnotice: () => {} });
    try {
      assert.deepEqual(await readVacuumHorizon(database.sql), { oldestS: 0, oldestXids: 0, deadJobs: 0 });
      await other.begin("isolation level repeatable read", async (holder) => {
        await holder`select 1 from job`;
        for (let i = 0; i < 5; i++) await database.sql`update policy_version set version = version`;
        await until("it grows old", async () => (await readVacuumHorizon(database.sql)).oldestS > 0.05);
        const { oldestS, oldestXids } = await readVacuumHorizon(database.sql);
        assert.ok(oldestS < 60, `${oldestS} s`);
        assert.ok(oldestXids >= 5, `${oldestXids} transactions`);
      });
      assert.equal((await readVacuumHorizon(database.sql)).oldestXids, 0);
    } finally {
      await other.end();
      await database.close();
    }
  });
});

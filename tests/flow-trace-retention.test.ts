/** Traces of flows go when their time is up: each has its own, so that those of flows which are configured no more go as well. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { startRetention } from "../src/jobs/retention.ts";
import { instantOf } from "../src/model/clock.ts";
import { newTimeUuid } from "../src/model/ids.ts";
import { createLog } from "../src/observe/log.ts";
import { insertFlowTraces, pruneFlowTraces } from "../src/store/flow-traces.ts";
import { makePartitions } from "../src/store/partitions.ts";
import type { Database } from "../src/store/sql.ts";
import { openTestDatabase } from "./support/database.ts";
import { until } from "./support/signal.ts";

describe("what flight recorders have stored", () => {
  let database: Database;
  before(async () => {
    database = await openTestDatabase();
    await makePartitions(database.sql, Date.now());
  });
  after(() => database.close());

  const store = (flow: string, count: number, keptDays: number) =>
    insertFlowTraces(
      database.sql,
      flow,
      Array.from({ length: count }, (_, i) => ({
        ...{ traceId: newTimeUuid(), partition: "p", messageId: String(i), outcome: "dead" as const, tookMs: 1 },
        ...{ node: "n", at: instantOf(Date.now()), trace: "{}" },
      })),
      keptDays,
    );
  const left = async (): Promise<string[]> => {
    const rows = await database.sql<{ flow: string }>`select distinct flow from flow_trace order by flow`;
    return rows.map(({ flow }) => flow);
  };
  /** As if so many days had gone by. */
  const later = (days: number) =>
    database.sql`update flow_trace set expires_at = expires_at - ${days}::int * interval '1 day'`;

  it("goes with the hour's retention once its own days are over, whether its flow is there or not", async () => {
    await store("short", 3, 2);
    await store("long", 3, 9);
    await later(3);
    const retention = startRetention(database.sql, createLog("silent"), 30);
    retention.now();
    await until("they are gone", async () => (await left()).length === 1);
    await retention.stop();
    assert.deepEqual(await left(), ["long"]);
    await database.sql`delete from flow_trace`;
  });

  it("is removed once by nodes that look at once, a bounded number each time", async () => {
    await store("gone", 500, 1);
    await store("kept", 10, 3);
    await later(2);
    const prune = () => pruneFlowTraces(database.sql, 0, 150);
    const removed = await Promise.all([prune(), prune(), prune()]);
    assert.ok(removed.every((count) => count <= 150));
    let all = removed.reduce((sum, count) => sum + count, 0);
    for (let count = await prune(); count > 0; count = await prune()) all += count;
    assert.equal(all, 500);
    assert.deepEqual(await left(), ["kept"]);
  });
});

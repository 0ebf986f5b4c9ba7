/** The outbox of plans: nothing that is committed late is skipped, and what nobody needs any more goes. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, beforeEach, describe, it } from "node:test";
import {
  beginFlowEvents,
  dropReadFlowEvents,
  endFlowEvents,
  pruneFlowEvents,
  readFlowEvents,
} from "../src/store/flow-events.ts";
import type { Database, Sql } from "../src/store/sql.ts";
import { openTestDatabase } from "./support/database.ts";

let database: Database;
before(async () => {
  database = await openTestDatabase();
});
after(() => database.close());
beforeEach(async () => {
  await database.sql.script("delete from flow_partition; delete from flow_event; delete from event");
  await beginFlowEvents(database.sql, "first");
});

const turn = (sql: Sql, datasetId: string, revision: number, changes = "[[null,null,null]]") => sql`
  insert into event (dataset_id, revision, part, turn_id, at, service, cause, changes)
  values (${datasetId}::uuid, ${revision}::bigint, 0, gen_random_uuid(), now(), 'test', 'test', ${changes})`;
const read = async (from = 0) => (await readFlowEvents(database.sql, from, 1000)).map(({ revision }) => revision);
const rows = async () => (await database.sql`select 1 from flow_event`).length;
const startOf = async (flow: string) => {
  const [row] = await database.sql<{
    at: number;
  }>`select next_offset / 1024 as at from flow_partition where flow = ${flow}`;
  return row?.at ?? -1;
};

describe("what plans did, as flows read it", () => {
  const skip = process.env.TEST_DATABASE_URL
    ? false
    : "TEST_DATABASE_URL is not set: the embedded store has one connection";

  it("is there once it is committed, and comes after what was committed before it", { skip }, async () => {
    const { sql } = database;
    const [slow, quick] = [randomUUID(), randomUUID()];
    const committed = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const open = sql.begin(async (tx) => {
      await turn(tx, slow, 9);
      begun.resolve();
      await committed.promise;
      // As a later batch may: of a dataset whose turn before was committed meanwhile.
      await turn(tx, quick, 3);
    });
    await begun.promise;
    await turn(sql, quick, 2);
    const first = await readFlowEvents(sql, 0, 1000);
    assert.deepEqual(
      first.map(({ revision }) => revision),
      [2],
    );
    committed.resolve();
    await open;
    const next = await readFlowEvents(sql, (first[0]?.seq ?? 0) + 1, 1000);
    assert.deepEqual(
      next.map(({ revision }) => revision),
      [9, 3],
    );
    assert.deepEqual(await read(), [2, 9, 3]);
  });

  it("has no turn that changed nothing, and begins for each flow where that began", async () => {
    const datasetId = randomUUID();
    await turn(database.sql, datasetId, 1);
    await turn(database.sql, datasetId, 2, "[]");
    assert.equal(await rows(), 1);
    await beginFlowEvents(database.sql, "second");
    await turn(database.sql, datasetId, 3);
    assert.deepEqual(await read(await startOf("first")), [1, 3]);
    assert.deepEqual(await read(await startOf("second")), [3]);
    await beginFlowEvents(database.sql, "second"); // started again
    assert.deepEqual(await read(await startOf("second")), [3]);
  });

  it("is begun by several at once, and noted once", async () => {
    const { sql } = database;
    await sql.script("drop trigger flow_event_note on event");
    await Promise.all(["second", "third", "second"].map((flow) => beginFlowEvents(sql, flow)));
    await turn(sql, randomUUID(), 1);
    assert.equal(await rows(), 1);
    assert.equal((await sql`select 1 from flow_partition`).length, 3);
  });

  it("goes once every flow has passed it, or when it is too old; and none is noted once no flow reads", async () => {
    const { sql } = database;
    const datasetId = randomUUID();
    await beginFlowEvents(sql, "second");
    for (const revision of [1, 2, 3]) await turn(sql, datasetId, revision);
    const events = await readFlowEvents(sql, 0, 1000);
    const pass = (flow: string, revision: number) => sql`
      update flow_partition set next_offset = ${((events[revision - 1]?.seq ?? 0) + 1) * 1024}::bigint where flow = ${flow}`;
    await pass("first", 2);
    await dropReadFlowEvents(sql, 1000);
    assert.deepEqual(await read(), [1, 2, 3]);
    await pass("second", 1);
    await dropReadFlowEvents(sql, 1000);
    assert.deepEqual(await read(), [2, 3]);

    await sql`update flow_event set at = now() - interval '8 days' where revision = 2`;
    assert.equal(await pruneFlowEvents(sql, 7 * 86_400, 1000), 1);
    assert.deepEqual(await read(), [3]);

    await endFlowEvents(sql);
    await turn(sql, datasetId, 4);
    assert.deepEqual(await read(), [3, 4]);
    await sql`update flow_partition set modified_at = now() - interval '8 days'`;
    await endFlowEvents(sql);
    await turn(sql, datasetId, 5);
    assert.deepEqual(await read(), [3, 4]);
    await beginFlowEvents(sql, "first");
    await turn(sql, datasetId, 6);
    assert.deepEqual(await read(), [3, 4, 6]);
  });
});

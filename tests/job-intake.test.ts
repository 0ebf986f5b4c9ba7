/** Enqueueing below HTTP: many requests in few statements, and each of them once when it is not known whether it was stored. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { createIntake, type EnqueueOrder, type Intake } from "../src/jobs/intake.ts";
import { systemClock } from "../src/model/clock.ts";
import type { DueLane } from "../src/model/job.ts";
import { createLog } from "../src/observe/log.ts";
import { createMetrics } from "../src/observe/metrics.ts";
import { savePolicy } from "../src/store/policy-rows.ts";
import { type Database, SqlError, type SqlValue } from "../src/store/sql.ts";
import { openTestDatabase } from "./support/database.ts";

type Fault = "before" | "after";

/** A database whose enqueueing statements fail as often as they are told to: before they run, or after, their answer lost. */
function faulty(database: Database) {
  const faults: Fault[] = [];
  let statements = 0;
  const unknown = () => new SqlError("unknown", null, "the connection broke");
  const { sql } = database;
  const query = async <Row extends object>(text: string, values: SqlValue[], deadlineMs?: number): Promise<Row[]> => {
    if (!text.includes("put_record")) return sql.query<Row>(text, values, deadlineMs);
    statements += 1;
    const fault = faults.shift();
    if (fault === "before") throw unknown();
    const rows = await sql.query<Row>(text, values, deadlineMs);
    if (fault === "after") throw unknown();
    return rows;
  };
  const tagged = <Row extends object>(strings: TemplateStringsArray, ...values: SqlValue[]) =>
    sql<Row>(strings, ...values);
  return {
    database: { ...database, sql: Object.assign(tagged, { query, begin: sql.begin, script: sql.script }) },
    faults,
    statements: () => statements,
  };
}

describe("the intake", () => {
  let database: Database;
  let store: ReturnType<typeof faulty>;
  let intake: Intake;
  const woken: DueLane[] = [];
  before(async () => {
    database = await openTestDatabase();
    store = faulty(database);
    intake = await createIntake({
      database: store.database,
      types: {
        names: () => ["work"],
        find: (name) => (name === "work" ? { attemptsMax: 3, requires: ["cpu"] } : null),
      },
      clock: systemClock,
      log: createLog("silent"),
      metrics: createMetrics(),
      onEnqueued: (lanes) => void woken.push(...lanes),
      doubtMs: 1500,
    });
  });
  after(async () => {
    await intake.stop();
    await database.close();
  });

  const order = (queue: string, jobs = 1, more: Partial<EnqueueOrder> = {}): EnqueueOrder => ({
    jobs: Array.from({ length: jobs }, () => ({
      queue,
      jobType: "work",
      payload: '{"quote":"\\"\\\\"}',
      runAt: null,
      delayMs: null,
      priority: 0,
      attemptsMax: null,
      timeoutMs: null,
      concurrencyKey: null,
      requires: ["gpu", "cpu"],
      replayOf: null,
    })),
    service: "tester",
    idempotency: null,
    fieldOf: () => "",
    ...more,
  });
  const keyed = () => ({ idempotency: { route: "POST /job", key: randomUUID(), digest: "d" } });
  async function counts(queue: string): Promise<number[]> {
    const [row] = await database.sql<{ records: number; live: number; accepted: number }>`
      select (select count(*) from job_record where queue = ${queue}) as records,
        (select count(*) from job where queue = ${queue}) as live,
        (select count(*) from decision where queue = ${queue} and code = 'ACCEPTED') as accepted`;
    return row === undefined ? [] : [row.records, row.live, row.accepted];
  }

  it("stores what comes at the same time in few statements, and wakes whoever runs it after the commit", async () => {
    const before = store.statements();
    woken.length = 0;
    const answers = await Promise.all(Array.from({ length: 1000 }, () => intake.enqueue(order("many"))));
    assert.equal(new Set(answers.flatMap((answer) => answer.jobIds)).size, 1000);
    assert.ok(store.statements() - before <= 4, `${store.statements() - before} statements`);
    assert.deepEqual(await counts("many"), [1000, 1000, 1000]);
    assert.deepEqual(woken[0], { queue: "many", jobType: "work", keyed: false });
    const [row] = await database.sql<{ requires: string; payload: string; attempts: number }>`
      select array_to_string(j.requires, ' ') as requires, payload, j.attempts_max as attempts
      from job j join job_record using (job_id) where j.queue = 'many' limit 1`;
    assert.deepEqual(row, { requires: "cpu gpu", payload: '{"quote":"\\"\\\\"}', attempts: 3 });
  });

  it("does not wake anybody for what is due later", async () => {
    woken.length = 0;
    const later = order("later");
    await intake.enqueue({ ...later, jobs: later.jobs.map((job) => ({ ...job, delayMs: 60_000 })) });
    assert.deepEqual(woken, []);
  });

  for (const [fault, what] of [
    ["after", "was stored, but its answer was lost"],
    ["before", "never came through"],
  ] as const) {
    for (const [name, more] of [
      ["", () => ({})],
      [" under a key", keyed],
    ] as const) {
      it(`stores a request${name} once when its statement ${what}, twice in a row`, async () => {
        const queue = `doubt-${randomUUID()}`;
        store.faults.push(fault, fault);
        const answers = await Promise.all([1, 2, 3].map((jobs) => intake.enqueue(order(queue, jobs, more()))));
        assert.deepEqual(await counts(queue), [6, 6, 3]);
        const ids = answers.flatMap((answer) => answer.jobIds);
        const stored = await database.sql<{ jobId: string }>`select job_id as "jobId" from job where queue = ${queue}`;
        assert.deepEqual(stored.map((row) => row.jobId).sort(), [...ids].sort());
      });
    }
  }

  it("does not take a token twice, nor refuse what is stored, when a limited queue's answer was lost", async () => {
    const queue = "doubt-rated";
    const changes = { enqueuePerS: 0.001, enqueueBurst: 2 };
    await savePolicy(database.sql, { scope: "queue", subject: queue, changes, by: "t", at: systemClock.now() });
    intake.policies.changed();
    store.faults.push("after");
    await intake.enqueue(order(queue, 2));
    assert.deepEqual(await counts(queue), [2, 2, 1]);
    await assert.rejects(intake.enqueue(order(queue)), { code: "ENQUEUE_RATE_EXCEEDED" });
    assert.deepEqual(await counts(queue), [2, 2, 1]);
  });

  it("answers 503 when nobody can say whether it was stored, and a repetition under its key finds out", async () => {
    const queue = "doubt-long";
    const request = order(queue, 1, keyed());
    store.faults.push("after", ...Array<Fault>(20).fill("before"));
    await assert.rejects(intake.enqueue(request), { code: "commit_unknown", status: 503 });
    store.faults.length = 0;
    const [one, two] = [await intake.enqueue(request), await intake.enqueue(request)];
    assert.deepEqual(one.jobIds, two.jobIds);
    assert.deepEqual(await counts(queue), [1, 1, 1]);
  });

  it("holds two keys that come in either order on two nodes", async () => {
    const other = await createIntake({
      database,
      types: intake.types,
      clock: systemClock,
      log: createLog("silent"),
      metrics: createMetrics(),
      onEnqueued: () => {},
    });
    const queue = "crossed";
    const keys = Array.from({ length: 100 }, () => order(queue, 1, keyed()));
    const answers = await Promise.all([
      ...keys.map((request) => intake.enqueue(request)),
      ...keys.toReversed().map((request) => other.enqueue(request)),
    ]);
    assert.equal(new Set(answers.flatMap((answer) => answer.jobIds)).size, 100);
    assert.deepEqual(await counts(queue), [100, 100, 100]);
    await other.stop();
  });
});

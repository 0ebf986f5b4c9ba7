/** What only a server over a network can do to us: cut, stall, kill, refuse. No wait may be endless, and later statements work again. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { openDatabase } from "../src/store/open.ts";
import { type Database, type Sql, SqlError } from "../src/store/sql.ts";
import { type DatabasePlace, makeDatabasePlace, quietLog } from "./support/database.ts";
import { until } from "./support/signal.ts";
import { openTcpProxy, type TcpProxy } from "./support/tcp-proxy.ts";

const skip = process.env.TEST_DATABASE_URL ? false : "TEST_DATABASE_URL is not set: faults of a server need a server";
/** The server ends a statement at nine tenths of it: a busy machine needs what is between. */
const deadlineMs = 1500;

async function faultOf(run: Promise<unknown>): Promise<string> {
  try {
    await run;
  } catch (error) {
    if (error instanceof SqlError) return `${error.fault} ${error.sqlState}`;
    throw error;
  }
  return "none";
}

describe("Postgres behind a bad network", { skip }, () => {
  let place: DatabasePlace;
  let direct: Database;
  let proxy: TcpProxy;
  let database: Database;
  let sql: Sql;
  before(async () => {
    place = await makeDatabasePlace();
    direct = await openDatabase({ ...place, maxConnections: 2 }, quietLog);
    await direct.sql.script("create table kept (n integer)");
  });
  after(async () => {
    await direct?.close();
    await place?.remove();
  });
  beforeEach(async () => {
    await direct.sql`delete from kept`;
    proxy = await openTcpProxy(place.databaseUrl ?? "");
    database = await openDatabase({ ...place, databaseUrl: proxy.url, maxConnections: 4, deadlineMs }, quietLog);
    sql = database.sql;
  });
  afterEach(async () => {
    await database.close();
    await proxy.close();
  });

  const kept = async () => (await direct.sql<{ n: number }>`select n from kept order by n`).map((row) => row.n);
  const recovers = () => until("statements work again", async () => (await faultOf(sql`select 1`)) === "none");
  const backend = async (on: Sql) => (await on<{ pid: number }>`select pg_backend_pid() as pid`)[0]?.pid ?? 0;
  const kill = (pid: number) => direct.sql`select pg_terminate_backend(${pid})`;

  it("ends a statement that takes too long at the server, and keeps the connection", async () => {
    const pid = await backend(sql);
    assert.equal(await faultOf(sql`select pg_sleep(30)`), "unknown 57014");
    const [row] = await direct.sql`select state from pg_stat_activity where pid = ${pid}`;
    assert.deepEqual(row, { state: "idle" });
    await recovers();
  });

  it("ends one statement sooner when it is told to", async () => {
    const startMs = performance.now();
    assert.equal(await faultOf(sql.query("select pg_sleep(30)", [], 100)), "unknown 57014");
    assert.ok(performance.now() - startMs < deadlineMs);
  });

  it("gives one statement longer when it is told to", async () => {
    assert.equal(await faultOf(sql.query("select pg_sleep(1.8)", [], 10_000)), "none");
  });

  it("says retry when a row stays locked", async () => {
    await direct.sql`insert into kept values (1)`;
    const fault = await direct.sql.begin(async (tx) => {
      await tx`update kept set n = 2`;
      return faultOf(sql`update kept set n = 3`);
    });
    assert.equal(fault, "retry 55P03");
    assert.deepEqual(await kept(), [2]);
  });

  it("does not hang on a half-open connection, and works again on a new one", async () => {
    await Promise.all(Array.from({ length: 8 }, () => sql`select 1`));
    proxy.freeze();
    const startMs = performance.now();
    const faults = await Promise.all(Array.from({ length: 8 }, () => faultOf(sql`insert into kept values (1)`)));
    assert.ok(performance.now() - startMs < deadlineMs * 2);
    assert.deepEqual(new Set(faults), new Set(["unknown null"]));
    await recovers();
  });

  it("does not hang on a half-open connection within a transaction, and rolls that back", async () => {
    const fault = await faultOf(
      sql.begin(async (tx) => {
        await tx`insert into kept values (1)`;
        proxy.freeze();
        await tx`insert into kept values (2)`;
      }),
    );
    assert.equal(fault, "retry null");
    await recovers();
    await until(
      "the server gave up the transaction",
      async () =>
        (
          await direct.sql`select 1 from pg_stat_activity
      where state like 'idle in transaction%' and datname = current_database()`
        ).length === 0,
    );
    assert.deepEqual(await kept(), []);
  });

  it("does not know whether a commit without an answer happened: this one did", async () => {
    const swallowed = proxy.swallowAnswerTo("commit");
    const fault = await faultOf(
      sql.begin(async (tx) => {
        await tx`insert into kept values (1)`;
      }),
    );
    await swallowed;
    assert.equal(fault, "unknown null");
    assert.deepEqual(await kept(), [1]);
    await recovers();
  });

  it("rolls back when its connection is killed between two statements", async () => {
    const fault = await faultOf(
      sql.begin(async (tx) => {
        await tx`insert into kept values (1)`;
        const pid = await backend(tx);
        await kill(pid);
        await until(
          "the server ended it",
          async () => (await direct.sql`select 1 from pg_stat_activity where pid = ${pid}`).length === 0,
        );
        await tx`insert into kept values (2)`;
      }),
    );
    assert.match(fault, /^retry /);
    assert.deepEqual(await kept(), []);
    await recovers();
  });

  it("rolls back when its connection is killed and the work asks for nothing more", async () => {
    const fault = await faultOf(
      sql.begin(async (tx) => {
        await tx`insert into kept values (1)`;
        const pid = await backend(tx);
        await kill(pid);
        await until(
          "the server ended it",
          async () => (await direct.sql`select 1 from pg_stat_activity where pid = ${pid}`).length === 0,
        );
      }),
    );
    assert.match(fault, /^(retry|unknown) /);
    assert.deepEqual(await kept(), []);
    await recovers();
  });

  it("rolls back what a killed statement did, and other statements go on", async () => {
    const fault = faultOf(
      sql.begin(async (tx) => {
        await tx`insert into kept values (1)`;
        const pid = await backend(tx);
        const sleeping = tx`select pg_sleep(30)`;
        await kill(pid);
        await sleeping;
      }),
    );
    const others = Array.from({ length: 50 }, () => faultOf(sql`select pg_sleep(0.01)`));
    assert.match(await fault, /^retry /);
    assert.deepEqual(new Set(await Promise.all(others)), new Set(["none"]));
    assert.deepEqual(await kept(), []);
  });

  it("survives every connection being killed again and again, under load", async () => {
    let stop = false;
    let done = 0;
    const faults = new Map<string, number>();
    const load = Array.from({ length: 6 }, async (_, worker) => {
      while (!stop) {
        const run = worker % 2 === 0 ? sql`select 1` : sql.begin((tx) => tx`select 1`);
        const fault = await faultOf(run);
        if (fault === "none") done += 1;
        else faults.set(fault, (faults.get(fault) ?? 0) + 1);
      }
    });
    for (let round = 0; round < 10; round++) {
      const before = done;
      await direct.sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'orrery' and pid <> pg_backend_pid() and pid not in (
          select pid from pg_stat_activity where query like '%terminate%')`;
      await until("work goes on", () => done > before + 20);
    }
    stop = true;
    await Promise.all(load);
    for (const fault of faults.keys()) assert.match(fault, /^(unknown|retry|unavailable) /);
    await recovers();
  });

  it("says unavailable while there is no server, at once, and works again when there is one", async () => {
    await proxy.cut();
    await until("the loss is noticed", async () => (await faultOf(sql`select 1`)).startsWith("unavailable"));
    const startMs = performance.now();
    assert.equal(await faultOf(sql`insert into kept values (1)`), "unavailable null");
    assert.equal(await faultOf(sql.begin((tx) => tx`insert into kept values (1)`)), "unavailable null");
    assert.ok(performance.now() - startMs < deadlineMs);
    await proxy.restore();
    await recovers();
    assert.deepEqual(await kept(), []);
  });

  it("keeps few connections, whatever happened to them", async () => {
    for (let round = 0; round < 5; round++) {
      await Promise.all(Array.from({ length: 8 }, () => faultOf(sql`select 1`)));
      proxy.freeze();
      await Promise.all(Array.from({ length: 8 }, () => faultOf(sql`select 1`)));
    }
    await recovers();
    await until("old connections are gone", async () => {
      const [row] = await direct.sql<{
        n: number;
      }>`select count(*) as n from pg_stat_activity where datname = current_database()`;
      return (row?.n ?? 99) <= 2 + 4 + 1 + 5 * 4; // frozen ones end by the server's own clock
    });
  });

  it("listens again after its connection was killed, frozen or refused, and says so by null", async () => {
    const heard: (string | null)[] = [];
    await database.listen("hint", (payload) => heard.push(payload));
    direct.notify("hint", "first");
    await until("the first hint", () => heard.includes("first"));
    await direct.sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like 'listen%'`;
    await until("told to look again", () => heard.includes(null));
    direct.notify("hint", "second");
    await until("the second hint", () => heard.includes("second"));
    heard.length = 0;
    proxy.freeze();
    await until("told to look again", () => heard.includes(null));
    heard.length = 0;
    await proxy.cut();
    database.notify("hint", "lost"); // nobody can send it: no error
    await proxy.restore();
    await until("told to look again", () => heard.includes(null));
    direct.notify("hint", "third");
    await until("the third hint", () => heard.includes("third"));
  });

  it("refuses to open, within its deadline, where nobody answers", async () => {
    await proxy.cut();
    const run = openDatabase({ ...place, databaseUrl: proxy.url, maxConnections: 2, deadlineMs }, quietLog);
    assert.equal(await faultOf(run), "unavailable null");
    await proxy.restore();
  });
});

/** What every store must do, run on the embedded one or on TEST_DATABASE_URL's. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Migration, migrate, migrations, SchemaTooNewError } from "../src/store/migrate.ts";
import { openDatabase } from "../src/store/open.ts";
import { array, type Database, type Sql, SqlError } from "../src/store/sql.ts";
import { type DatabasePlace, makeDatabasePlace, openTestDatabase, quietLog } from "./support/database.ts";
import { until } from "./support/signal.ts";

const embedded = !process.env.TEST_DATABASE_URL;

async function faultOf(run: Promise<unknown>): Promise<[string, string | null]> {
  try {
    await run;
  } catch (error) {
    if (error instanceof SqlError) return [error.fault, error.sqlState];
    throw error;
  }
  throw new Error("It did not fail");
}

describe("values through SQL", () => {
  let database: Database;
  let sql: Sql;
  before(async () => {
    database = await openTestDatabase();
    sql = database.sql;
  });
  after(() => database.close());

  it("returns numbers, booleans, null and text as they went in", async () => {
    const values = { int: 7, big: 9007199254740991, float: 1.5, yes: true, no: false, nothing: null };
    const rows =
      await sql`select ${values.int}::int as "int", ${values.big}::bigint as "big", ${values.float}::float8 as "float",
      ${values.yes}::boolean as "yes", ${values.no}::boolean as "no", ${values.nothing}::text as "nothing"`;
    assert.deepEqual(rows, [values]);
  });

  it("keeps quotes, backslashes, line ends, emoji and escapes in text", async () => {
    for (const text of [`it's "x" \\ $1 \n\r\t`, "äöü 漢字 🛰️", String.raw`{"a":"\u0000 \ud800"}`, "", "null", "{}"]) {
      assert.deepEqual(await sql`select ${text}::text as text`, [{ text }]);
    }
  });

  it("refuses a NUL character as bad data", async () => {
    assert.deepEqual(await faultOf(sql`select ${"a\0b"}::text as text`), ["data", "22021"]);
  });

  it("passes arrays of text, numbers and nulls", async () => {
    const texts = ["a", 'quote " and \\ backslash', "{brace,comma}", "NULL", "", "🛰️", "\n"];
    const unnested = await sql<{ text: string }>`select text from unnest(${array(texts)}::text::text[]) as t (text)`;
    assert.deepEqual(
      unnested.map((row) => row.text),
      texts,
    );
    const mixed = await sql`select n from unnest(${array([1, null, 3])}::text::bigint[]) as t (n)`;
    assert.deepEqual(mixed, [{ n: 1 }, { n: null }, { n: 3 }]);
    assert.deepEqual(await sql`select cardinality(${array([])}::text::uuid[]) as n`, [{ n: 0 }]);
  });

  it("counts as numbers", async () => {
    assert.deepEqual(await sql`select count(*) as n, count(*)::int as m from generate_series(1, 1000)`, [
      { n: 1000, m: 1000 },
    ]);
  });

  it("keeps microseconds of an instant, in and out as text", async () => {
    const instant = "2026-01-31T10:20:30.123456+00:00";
    const [row] = await sql<{ at: string; text: string }>`select ${instant}::timestamptz as at,
      to_char(${instant}::timestamptz at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as text`;
    assert.deepEqual(row, { at: "2026-01-31 10:20:30.123456+00", text: instant });
  });

  it("returns JSON, dates, numerics and arrays as text", async () => {
    const [row] = await sql`select '{"n": 12345678901234567890}'::json as json, '[1]'::jsonb as jsonb,
      date '2026-01-31' as date, 1.10::numeric as numeric, array['a', 'b'] as array`;
    assert.deepEqual(row, {
      json: '{"n": 12345678901234567890}',
      jsonb: "[1]",
      date: "2026-01-31",
      numeric: "1.10",
      array: "{a,b}",
    });
  });

  it("takes the same statement with null and with a value", async () => {
    for (const value of [null, true, null, false]) {
      assert.deepEqual(await sql`select ${value}::boolean as value`, [{ value }]);
    }
  });

  it("answers a statement without rows by none, and many rows in order", async () => {
    assert.deepEqual(await sql`select 1 as n where false`, []);
    const rows = await sql<{ n: number }>`select n from generate_series(1, 20000) as t (n)`;
    assert.equal(rows.length, 20000);
    assert.deepEqual(rows.at(-1), { n: 20000 });
  });
});

describe("faults", () => {
  let database: Database;
  let sql: Sql;
  before(async () => {
    database = await openTestDatabase();
    sql = database.sql;
    await sql.script("create table thing (n integer primary key check (n > 0))");
    await sql`insert into thing values (1)`;
  });
  after(() => database.close());

  it("tells bad data from a defect of ours", async () => {
    assert.deepEqual(await faultOf(sql`select 1 / ${0}::int`), ["data", "22012"]);
    assert.deepEqual(await faultOf(sql`insert into thing values (1)`), ["data", "23505"]);
    assert.deepEqual(await faultOf(sql`insert into thing values (-1)`), ["data", "23514"]);
    assert.deepEqual(await faultOf(sql`select ${"not a uuid"}::uuid`), ["data", "22P02"]);
    assert.deepEqual(await faultOf(sql`selec`), ["defect", "42601"]);
    assert.deepEqual(await faultOf(sql`select missing from thing`), ["defect", "42703"]);
    assert.deepEqual(await faultOf(sql.script("select 1; select missing")), ["defect", "42703"]);
  });

  it("says what the server said", async () => {
    await assert.rejects(
      sql`insert into thing values (1)`,
      /duplicate key value violates unique constraint "thing_pkey"/,
    );
  });

  it("works on after a fault", async () => {
    await faultOf(sql`select 1 / ${0}::int`);
    assert.deepEqual(await sql`select 1 as n`, [{ n: 1 }]);
  });
});

describe("transactions", () => {
  let database: Database;
  let sql: Sql;
  before(async () => {
    database = await openTestDatabase();
    sql = database.sql;
    await sql.script("create table counter (n integer primary key); insert into counter values (0)");
  });
  after(() => database.close());
  const count = async () => (await sql<{ n: number }>`select n from counter`)[0]?.n;

  it("commits what it did and returns what the work returns", async () => {
    const before = (await count()) ?? 0;
    const returned = await sql.begin(async (tx) => {
      await tx`update counter set n = n + 1`;
      return (await tx<{ n: number }>`select n from counter`)[0]?.n;
    });
    assert.deepEqual([returned, await count()], [before + 1, before + 1]);
  });

  it("rolls back when the work throws, and throws just that", async () => {
    const before = await count();
    const thrown = new Error("mine");
    const run = sql.begin(async (tx) => {
      await tx`update counter set n = n + 1`;
      throw thrown;
    });
    await assert.rejects(run, (error) => error === thrown);
    assert.equal(await count(), before);
  });

  it("fails as a whole when a statement failed, even if the work went on", async () => {
    const before = await count();
    const run = sql.begin(async (tx) => {
      await tx`update counter set n = n + 1`;
      await tx`select 1 / ${0}::int`.catch(() => undefined);
    });
    assert.deepEqual(await faultOf(run), ["data", "22012"]);
    assert.equal(await count(), before);
  });

  it("refuses a transaction within a transaction, and statements after its end", async () => {
    assert.deepEqual(await faultOf(sql.begin((tx) => tx.begin(async () => 1))), ["defect", null]);
    let kept: Sql | undefined;
    await sql.begin(async (tx) => {
      kept = tx;
    });
    assert.deepEqual(await faultOf(kept?.query("select 1", []) ?? Promise.resolve()), ["defect", null]);
  });

  it("runs many at once without losing one, beside plain statements", async () => {
    await sql`update counter set n = 0`;
    const increments = Array.from({ length: 30 }, () =>
      sql.begin(async (tx) => {
        const [row] = await tx<{ n: number }>`select n from counter for update`;
        await tx`update counter set n = ${(row?.n ?? 0) + 1}`;
      }),
    );
    const reads = Array.from({ length: 300 }, (_, i) => sql<{ i: number }>`select ${i}::int as i`);
    const read = await Promise.all(reads);
    await Promise.all(increments);
    assert.deepEqual(
      read.map((rows) => rows[0]?.i),
      reads.map((_, i) => i),
    );
    assert.equal(await count(), 30);
  });

  it("takes a deadline of its own for one statement", async () => {
    assert.deepEqual(await sql.query("select $1::int as n", [1], 60_000), [{ n: 1 }]);
    await sql.begin(async (tx) => {
      assert.deepEqual(await tx.query("select $1::int as n", [2], 60_000), [{ n: 2 }]);
      assert.deepEqual(await tx`select 3 as n`, [{ n: 3 }]);
    });
  });

  it("sees a table change between two runs of the same statement", async () => {
    await sql.script("create table grown (a integer); insert into grown values (1)");
    assert.deepEqual(await sql`select * from grown`, [{ a: 1 }]);
    await sql.script("alter table grown add column b integer");
    assert.deepEqual(await sql`select * from grown`, [{ a: 1, b: null }]);
  });
});

describe("deadlines", () => {
  it("do not wait for ever for a turn while a transaction holds what is needed", async () => {
    const database = await openTestDatabase({ maxConnections: 1, deadlineMs: 400 });
    const { sql } = database;
    await sql.script("create table held (n integer); insert into held values (1)");
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const holding = sql.begin(async (tx) => {
      await tx`update held set n = 2`;
      await released;
    });
    const [fault] = await faultOf(sql.begin((tx) => tx`update held set n = 3`));
    assert.equal(fault, "unavailable");
    release();
    await holding.catch(() => undefined);
    assert.deepEqual(await sql`select 1 as n`, [{ n: 1 }]);
    await database.close();
  });
});

describe("a store that was closed", () => {
  it("refuses statements as unavailable, and a second close does nothing", async () => {
    const database = await openTestDatabase();
    await database.close();
    assert.equal((await faultOf(database.sql`select 1`))[0], "unavailable");
    assert.equal((await faultOf(database.sql.begin((tx) => tx`select 1`)))[0], "unavailable");
    await database.close();
  });
});

describe("hints", () => {
  it("are heard by every listener of their channel, by this process too", async () => {
    const database = await openTestDatabase();
    const heard: string[] = [];
    const stopOne = await database.listen("one", (payload) => heard.push(`one:${payload}`));
    await database.listen("one", (payload) => heard.push(`again:${payload}`));
    await database.listen("two", (payload) => heard.push(`two:${payload}`));
    database.notify("one", `it's "quoted", \\ and 🛰️`);
    database.notify("two", "b");
    database.notify("three", "c");
    await until("three hints are heard", () => heard.length >= 3);
    assert.deepEqual(heard.sort(), [`again:it's "quoted", \\ and 🛰️`, `one:it's "quoted", \\ and 🛰️`, "two:b"]);
    await stopOne();
    heard.length = 0;
    database.notify("one", "last");
    await until("the other listener hears", () => heard.length >= 1);
    assert.deepEqual(heard, ["again:last"]);
    await database.close();
  });

  it("are dropped when nobody can take them, without an error", async () => {
    const database = await openTestDatabase();
    database.notify("one", "x".repeat(10_000));
    for (let i = 0; i < 5000; i++) database.notify("one", `${i}`);
    await database.close();
    database.notify("one", "after the end");
  });
});

describe("migrations", () => {
  let place: DatabasePlace;
  before(async () => {
    place = await makeDatabasePlace();
  });
  after(() => place.remove());
  const open = () => openDatabase({ ...place, maxConnections: 3 }, quietLog);

  it("run once, each recorded, and not again", async () => {
    const database = await open();
    const rows = await database.sql<{ version: number; name: string }>`
      select version, name from migration order by version`;
    assert.deepEqual(
      rows,
      migrations.map(({ version, name }) => ({ version, name })),
    );
    assert.equal(await migrate(database.sql), 0);
    await database.close();
  });

  it("are run by one of several nodes that start at once", async () => {
    const first = await open();
    const second = embedded ? first : await open();
    const more: Migration[] = [
      ...migrations,
      { version: 101, name: "a", text: "create table only_once (n integer); insert into only_once values (1)" },
      { version: 102, name: "b", text: "insert into only_once select n + 1 from only_once" },
    ];
    const run = await Promise.all([migrate(first.sql, more), migrate(second.sql, more), migrate(first.sql, more)]);
    assert.equal(
      run.reduce((sum, n) => sum + n),
      2,
    );
    assert.deepEqual(await first.sql`select count(*) as n from only_once`, [{ n: 2 }]);
    await first.close();
    if (second !== first) await second.close();
  });

  it("refuse a schema that is newer than they know", async () => {
    await assert.rejects(
      open(),
      (error) => error instanceof SchemaTooNewError && /start a newer version/.test(error.message),
    );
  });

  it("leave nothing of one that failed", async () => {
    const database = await openTestDatabase();
    const broken = [
      ...migrations,
      { version: 101, name: "broken", text: "create table half (n integer); select missing" },
    ];
    await assert.rejects(migrate(database.sql, broken));
    assert.deepEqual(await database.sql`select to_regclass('half') as half`, [{ half: null }]);
    assert.equal(await migrate(database.sql), 0);
    await database.close();
  });
});

/** The Postgres sink against a server: what it asks of the table, redelivery, culprits among good rows, a server that goes away. */
import assert from "node:assert/strict";
import net from "node:net";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import * as v from "valibot";
import type { Delivery, Sink } from "../src/flow/sink.ts";
import { createPostgresSink, postgresSink } from "../src/flow/sinks/postgres.ts";
import { SetupError } from "../src/model/errors.ts";
import { openDatabase } from "../src/store/open.ts";
import type { Database } from "../src/store/sql.ts";
import { type DatabasePlace, makeDatabasePlace, quietLog } from "./support/database.ts";
import { until } from "./support/signal.ts";
import { openTcpProxy } from "./support/tcp-proxy.ts";

const skip = process.env.TEST_DATABASE_URL ? false : "TEST_DATABASE_URL is not set: the sink needs a server";
const { signal } = new AbortController();
const ok = { kind: "ok" };
const columns = { t: "reading.at", volts: "reading.volts", note: "note", body: "$" };

function delivery(n: number, payload: unknown = { reading: { at: "2026-01-02T03:04:05Z", volts: n }, note: `n${n}` }) {
  return { key: `f:p:${n}:0`, origin: { partition: "p", id: String(n) }, payload } satisfies Delivery;
}

describe("the Postgres sink", { skip }, () => {
  let place: DatabasePlace;
  let direct: Database;
  let sinks: Sink[] = [];
  before(async () => {
    place = await makeDatabasePlace();
    direct = await openDatabase({ ...place, maxConnections: 3 }, quietLog);
  });
  after(async () => {
    await direct?.close();
    await place?.remove();
  });
  beforeEach(() =>
    direct.sql.script(`create table readings (idempotency_key text primary key, t timestamptz, volts float8 check (volts < 1000),
      note varchar(20), body jsonb)`),
  );
  afterEach(async () => {
    await Promise.all(sinks.map((sink) => sink.close()));
    sinks = [];
    await direct.sql.script("drop table readings");
  });

  function sinkOf(config: object = {}, url = place.databaseUrl ?? ""): Sink {
    const parsed = v.parse(postgresSink, {
      kind: "postgres",
      url_env: "SINK_URL",
      table: "readings",
      columns,
      ...config,
    });
    const sink = createPostgresSink("archive", parsed, { configDir: "/", environment: { SINK_URL: url } });
    sinks.push(sink);
    return sink;
  }
  async function checked(config: object = {}, url?: string): Promise<Sink> {
    const sink = sinkOf(config, url);
    await sink.check();
    return sink;
  }
  const rows = () =>
    direct.sql<{ key: string; volts: number | null; note: string | null }>`
      select idempotency_key as key, volts, note from readings order by volts nulls last, idempotency_key`;
  const active = async () =>
    (
      await direct.sql`select 1 from pg_stat_activity where application_name = 'orrery sink' and state = 'active'
      and datname = current_database()`
    ).length;
  const volts = async () => (await rows()).map((row) => row.volts);
  const refusal = async (config: object, url?: string) => {
    try {
      await sinkOf(config, url).check();
    } catch (error) {
      assert.ok(error instanceof SetupError, String(error));
      assert.match(error.message, /^Cannot use sink "archive": /);
      return error.message;
    }
    return assert.fail("the check passed");
  };

  it("writes paths of the payload into columns by their types, and the whole payload as JSON", async () => {
    const sink = await checked();
    const odd = { reading: { at: "2026-01-02 03:04:05", volts: "7.5" }, note: '{"},\\ nu\u00fcll' };
    assert.deepEqual(
      await sink.deliver([delivery(1), delivery(2, odd), delivery(3, "text"), delivery(4, null)], signal),
      [ok, ok, ok, ok],
    );
    const stored =
      await direct.sql`select t::text as t, volts, note, body::text as body from readings order by idempotency_key`;
    assert.deepEqual(
      stored.map((row) => ({ ...row, body: JSON.parse((row as { body: string }).body) })),
      [
        { t: "2026-01-02 03:04:05+00", volts: 1, note: "n1", body: delivery(1).payload },
        { t: "2026-01-02 03:04:05+00", volts: 7.5, note: odd.note, body: odd },
        { t: null, volts: null, note: null, body: "text" },
        { t: null, volts: null, note: null, body: null },
      ],
    );
  });

  it("reads booleans, objects and strings of JSON as the column's type asks", async () => {
    await direct.sql.script(
      'create schema "Mixed"; create table "Mixed"."T" ("Key" text unique, flag boolean, word jsonb, part text)',
    );
    const sink = await checked({
      table: "Mixed.T",
      key_column: "Key",
      columns: { flag: "flag", word: "word", part: "part" },
    });
    await sink.deliver([delivery(1, { flag: true, word: "w", part: { a: [1] } })], signal);
    assert.deepEqual(await direct.sql`select "Key" as key, flag, word::text as word, part from "Mixed"."T"`, [
      { key: "f:p:1:0", flag: true, word: '"w"', part: '{"a":[1]}' },
    ]);
    await direct.sql.script('drop schema "Mixed" cascade');
  });

  it("writes columns that are called as parts of its own statements are", async () => {
    const names = ["n", "c0", "ordinal", "texts", "rows", "stored", "excluded", "given"];
    await direct.sql.script(`create table odd (idempotency_key text primary key, ${names.map((name) => `"${name}" text not null`)});
      create unique index on odd (n, ordinal)`);
    const columns = Object.fromEntries(names.map((name) => [name, name]));
    const payload = Object.fromEntries(names.map((name) => [name, `of ${name}`]));
    for (const upsert of [undefined, { on: ["n", "ordinal"], newest: "stored" }]) {
      const sink = await checked({ table: "odd", columns, upsert });
      assert.deepEqual(await sink.deliver([delivery(1, payload)], signal), [ok]);
    }
    assert.deepEqual(await direct.sql`select * from odd`, [{ idempotency_key: "f:p:1:0", ...payload }]);
    await direct.sql.script("drop table odd");
  });

  it("writes nothing twice: neither within a batch nor when it is delivered again", async () => {
    const sink = await checked();
    const batch = [delivery(1), delivery(2), delivery(1)];
    for (let i = 0; i < 2; i++) assert.deepEqual(await sink.deliver(batch, signal), [ok, ok, ok]);
    assert.deepEqual(await volts(), [1, 2]);
  });

  it("refuses to start by name when table, column or key's index is missing, and says the SQL to run", async () => {
    assert.match(await refusal({ table: "nowhere" }), /no table "nowhere"/);
    assert.match(await refusal({ columns: { amps: "a" } }), /has no column "amps"/);
    assert.match(await refusal({ key_column: "id" }), /has no column "id"/);
    assert.match(
      await refusal({ key_column: "volts", columns: { note: "a" } }),
      /is double precision: it must be text/,
    );
    assert.match(await refusal({ columns: { idempotency_key: "a" } }), /is its key_column/);
    await direct.sql.script("create unique index partial on readings (note) where volts > 1");
    const message = await refusal({ key_column: "note", columns: { body: "$" } });
    const [sql] = /create unique index .*$/.exec(message) ?? assert.fail(message);
    await direct.sql.script(sql);
    await checked({ key_column: "note", columns: { body: "$" } });
  });

  describe("that keeps one row of each", () => {
    const upsert = { on: ["note"], newest: "t" };
    const reading = (n: number, note: string, second: number | null): Delivery =>
      delivery(n, { reading: { at: second && `2026-01-02T03:04:0${second}Z`, volts: n }, note });
    const states = () => direct.sql<{ key: string; note: string; volts: number }>`
      select idempotency_key as key, note, volts from readings order by note`;
    beforeEach(() =>
      direct.sql.script("alter table readings alter note set not null; create unique index on readings (note)"),
    );

    it("replaces a row by the newest, within a batch and over them, whatever comes late or again", async () => {
      const sink = await checked({ upsert });
      const first = [reading(1, "a", 1), reading(2, "a", 3), reading(3, "b", 1), reading(4, "a", 2)];
      assert.deepEqual(await sink.deliver(first, signal), [ok, ok, ok, ok]);
      assert.deepEqual(await states(), [
        { key: "f:p:2:0", note: "a", volts: 2 },
        { key: "f:p:3:0", note: "b", volts: 3 },
      ]);
      assert.deepEqual(await sink.deliver([reading(5, "b", 2), reading(1, "a", 1)], signal), [ok, ok]);
      assert.deepEqual(await sink.deliver([...first, reading(6, "b", null)], signal), [ok, ok, ok, ok, ok]);
      assert.deepEqual(await states(), [
        { key: "f:p:2:0", note: "a", volts: 2 },
        { key: "f:p:5:0", note: "b", volts: 5 },
      ]);
    });

    it("without newest the last one stays", async () => {
      const sink = await checked({ upsert: { on: ["note"] } });
      await sink.deliver([reading(1, "a", 2), reading(2, "a", 1)], signal);
      await sink.deliver([reading(3, "a", 1)], signal);
      assert.deepEqual(await states(), [{ key: "f:p:3:0", note: "a", volts: 3 }]);
    });

    it("refuses a row alone that the table refuses", async () => {
      const sink = await checked({ upsert });
      const outcomes = await sink.deliver(
        [reading(1, "a", 1), reading(2000, "b", 1), delivery(3, { reading: {} })],
        signal,
      );
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ["ok", "refused", "refused"],
      );
      assert.deepEqual(await states(), [{ key: "f:p:1:0", note: "a", volts: 1 }]);
    });

    it("takes both ways of two writers at once", async () => {
      const [one, other] = [await checked({ upsert }), await checked({ upsert })];
      const up = Array.from({ length: 300 }, (_, n) => reading(n, `n${n}`, 1));
      const down = up.toReversed();
      const rounds = Array.from({ length: 10 });
      const write = async (sink: Sink, batch: readonly Delivery[]) => {
        for (const _ of rounds) assert.ok((await sink.deliver(batch, signal)).every(({ kind }) => kind === "ok"));
      };
      await Promise.all([write(one, up), write(other, down)]);
      assert.equal((await states()).length, 300);
    });

    it("refuses to start where rows could be there twice, and says the SQL to run", async () => {
      const refused = (config: object, why: RegExp) =>
        assert.rejects(checked(config), (error) => error instanceof SetupError && why.test(error.message));
      await refused(
        { upsert: { on: ["volts"] } },
        /no unique index of "volts".*create unique index on "readings" \("volts"\)/,
      );
      await refused({ upsert: { on: ["note", "volts"] } }, /no unique index of "note", "volts"/);
      await refused({ upsert: { on: ["at"] } }, /upsert names at, which is none of columns/);
      await direct.sql.script("alter table readings alter note drop not null");
      await refused({ upsert }, /"note" may be null.*alter table "readings" alter "note" set not null/);
    });

    it("needs no unique index of its keys", async () => {
      await direct.sql.script(
        "alter table readings drop constraint readings_pkey; alter table readings alter idempotency_key drop not null",
      );
      const sink = await checked({ upsert });
      assert.deepEqual(await sink.deliver([reading(1, "a", 1)], signal), [ok]);
    });
  });

  it("refuses to start without a right to insert", async () => {
    const url = new URL(place.databaseUrl ?? "");
    await direct.sql.script(
      "drop role if exists orrery_sink_reader; create role orrery_sink_reader login; grant select on readings to orrery_sink_reader",
    );
    url.username = "orrery_sink_reader";
    assert.match(await refusal({}, url.href), /permission denied for table readings/);
    await direct.sql.script("drop owned by orrery_sink_reader; drop role orrery_sink_reader");
  });

  it("never says the password, whatever is wrong with the URL", async () => {
    const down = await openTcpProxy(place.databaseUrl ?? "");
    await down.close();
    const port = new URL(down.url).port;
    for (const url of ["postgres://u:s3cret@[broken/x", "s3cret", `postgres://u:s3cret@127.0.0.1:${port}/x`, ""])
      assert.doesNotMatch(await refusal({}, url), /s3cret/);
    assert.match(await refusal({}, ""), /SINK_URL is not set/);
  });

  it("takes no names but plain ones", () => {
    for (const config of [
      { table: 'readings"; drop table readings; --' },
      { table: "a.b.c" },
      { key_column: 'k" = 1' },
      { columns: { 'volts") values (1); --': "a" } },
      { columns: {} },
      { columns: { volts: "a..b" } },
      { surprise: 1 },
    ])
      assert.throws(() => sinkOf(config), v.ValiError, JSON.stringify(config));
  });

  it("finds the culprits among good ones, and says the database's reason", async () => {
    const sink = await checked();
    const batch = Array.from({ length: 41 }, (_, n) => delivery(n));
    batch[3] = delivery(3, { reading: { volts: 5000 } });
    batch[17] = delivery(17, { reading: { volts: "many" } });
    batch[18] = delivery(18, { note: "x".repeat(21) });
    batch[40] = delivery(40, { note: "a\0b" });
    const outcomes = await sink.deliver(batch, signal);
    const reasons = outcomes.flatMap((outcome, n) =>
      outcome.kind === "ok" ? [] : [[n, outcome.kind, outcome.reason]],
    );
    assert.deepEqual(
      reasons.map(([n, kind]) => [n, kind]),
      [3, 17, 18, 40].map((n) => [n, "refused"]),
    );
    const expected = [
      /violates check constraint/,
      /invalid input syntax.*many/,
      /value too long/,
      /invalid byte sequence|Unicode/,
    ];
    for (const [i, pattern] of expected.entries()) assert.match(String(reasons[i]?.[2]), pattern);
    assert.equal((await rows()).length, 37);
  });

  it("stores hostile texts as they are, and refuses what is not JSON", async () => {
    const sink = await checked();
    const note = "'); drop table --";
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    const proto = JSON.parse('{"__proto__":{"volts":1},"note":"p"}');
    const batch = [
      delivery(1, { note }),
      delivery(2, cycle),
      { ...delivery(3), payload: undefined },
      delivery(4, proto),
    ];
    const hostileKey = { ...delivery(5, { note: "k" }), key: `f'"\\{},:p:null` };
    const outcomes = await sink.deliver([...batch, hostileKey], signal);
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      ["ok", "refused", "refused", "ok", "ok"],
    );
    assert.deepEqual((await rows()).map((row) => row.note).sort(), [note, "k", "p"]);
    assert.ok((await rows()).some((row) => row.key === hostileKey.key));
    const inherited = await checked({ columns: { note: "constructor.name" } });
    await inherited.deliver([delivery(6, { a: 1 })], signal);
    assert.equal((await rows()).find((row) => row.key === "f:p:6:0")?.note, null);
  });

  it("throws while the server is away, and writes when it is back", async () => {
    const proxy = await openTcpProxy(place.databaseUrl ?? "");
    const sink = await checked({}, proxy.url);
    await sink.deliver([delivery(1)], signal);
    await proxy.cut();
    await assert.rejects(sink.deliver([delivery(2)], signal));
    await assert.rejects(sink.deliver([delivery(2)], signal), /No connection to the database/);
    await proxy.restore();
    assert.deepEqual(await sink.deliver([delivery(2)], signal), [ok]);
    assert.deepEqual(await volts(), [1, 2]);
    await sink.close();
    await proxy.close();
  });

  /** Gives a delivery up that waits for a lock, and lets go of the lock once `over` has come about. */
  async function giveUpWhileLocked(sink: Sink, over: () => Promise<unknown>): Promise<void> {
    const giveUp = new AbortController();
    await direct.sql.begin(async (tx) => {
      await tx.script("lock table readings in exclusive mode");
      const given = assert.rejects(sink.deliver([delivery(1)], giveUp.signal), /given up/);
      await until("the insert waits", async () => (await active()) === 1);
      giveUp.abort();
      await given;
      await over();
    });
  }

  it("cancels at the server what is given up, and works on", async () => {
    const sink = await checked();
    await giveUpWhileLocked(sink, () => until("the server has ended it", async () => (await active()) === 0));
    assert.deepEqual(await volts(), []);
    assert.deepEqual(await sink.deliver([delivery(1)], signal), [ok]);
  });

  it("gives up at once when the server went silent, and works again on a new connection", async () => {
    const proxy = await openTcpProxy(place.databaseUrl ?? "");
    const sink = await checked({}, proxy.url);
    proxy.freeze();
    await assert.rejects(sink.deliver([delivery(1)], AbortSignal.timeout(100)), /given up/);
    assert.deepEqual(await sink.deliver([delivery(1)], signal), [ok]);
    await sink.close();
    await proxy.close();
  });

  it("survives that the server cannot be told of what is given up", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", note);
    const url = new URL(place.databaseUrl ?? "");
    const server = { host: url.hostname, port: Number(url.port) };
    const door = net.createServer((client) => {
      const onward = net.connect(server);
      client.on("error", () => onward.destroy()).pipe(onward);
      onward.on("error", () => client.destroy()).pipe(client);
    });
    await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
    const address = door.address();
    url.host = `127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
    const sink = await checked({}, url.href);
    const shut = new Promise((resolve) => door.close(resolve)); // the connection stays, a second one is refused
    await giveUpWhileLocked(sink, () => shut);
    await sink.close();
    process.off("unhandledRejection", note);
    assert.deepEqual(unhandled, []);
  });
});

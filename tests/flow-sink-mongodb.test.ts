/** The MongoDB sink against a server: redelivery, what MongoDB refuses, culprits among good ones, a server that goes away. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { type Collection, MongoClient } from "mongodb";
import * as v from "valibot";
import type { Delivery, Sink } from "../src/flow/sink.ts";
import { createMongodbSink, mongodbSink } from "../src/flow/sinks/mongodb.ts";
import type { MongoDocument } from "../src/flow/sinks/mongodb-document.ts";
import { SetupError } from "../src/model/errors.ts";
import { until } from "./support/signal.ts";
import { openTcpProxy } from "./support/tcp-proxy.ts";

const serverUrl = process.env.TEST_MONGO_URL ?? "";
const skip = serverUrl ? false : "TEST_MONGO_URL is not set: the sink needs a server";
const { signal } = new AbortController();
const ok = { kind: "ok" };

function delivery(n: number, payload: unknown = { reading: { volts: n, at: ["x", null, true, 1.5] } }) {
  return { key: `f:p:${n}:0`, origin: { partition: "p", id: String(n) }, payload } satisfies Delivery;
}

describe("the MongoDB sink", { skip }, () => {
  const database = `orrery_test_${randomUUID().replaceAll("-", "")}`;
  let client: MongoClient;
  let stored: Collection<MongoDocument>;
  let sinks: Sink[] = [];
  before(() => {
    client = new MongoClient(serverUrl);
    stored = client.db(database).collection("readings");
  });
  after(() => client?.close());
  beforeEach(async () => {
    await stored.deleteMany({});
  });
  afterEach(async () => {
    await Promise.all(sinks.map((sink) => sink.close()));
    sinks = [];
    await client.db(database).dropDatabase();
  });

  function sinkOf(config: object = {}, url = serverUrl): Sink {
    const parsed = v.parse(mongodbSink, {
      kind: "mongodb",
      url_env: "SINK_URL",
      database,
      collection: "readings",
      ...config,
    });
    const sink = createMongodbSink("archive", parsed, { configDir: "/", environment: { SINK_URL: url } });
    sinks.push(sink);
    return sink;
  }
  async function checked(url?: string): Promise<Sink> {
    const sink = sinkOf({}, url);
    await sink.check();
    return sink;
  }
  const keys = async () => (await stored.find().sort({ _id: 1 }).toArray()).map(({ _id }) => _id);

  it("writes one document a delivery, with payload and origin under its key", async () => {
    const sink = await checked();
    assert.deepEqual(await sink.deliver([delivery(1), delivery(2, "text"), delivery(3, null)], signal), [ok, ok, ok]);
    const documents = await stored.find().sort({ _id: 1 }).toArray();
    assert.deepEqual(
      documents,
      [delivery(1), delivery(2, "text"), delivery(3, null)].map(({ key, ...rest }) => ({ _id: key, ...rest })),
    );
  });

  it("writes nothing twice, and leaves what was written as it is", async () => {
    const sink = await checked();
    const batch = [delivery(1), delivery(2), delivery(1)];
    assert.deepEqual(await sink.deliver(batch, signal), [ok, ok, ok]);
    assert.deepEqual(await sink.deliver([...batch, delivery(1, { other: true })], signal), [ok, ok, ok, ok]);
    assert.deepEqual(await keys(), ["f:p:1:0", "f:p:2:0"]);
    assert.deepEqual((await stored.findOne({ _id: "f:p:1:0" }))?.payload, delivery(1).payload);
  });

  it("refuses alone what MongoDB cannot store, and writes the others", async () => {
    const sink = await checked();
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    const nested = (depth: number) => JSON.parse(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`);
    const refused: [unknown, RegExp][] = [
      [{ a: [{ $where: "1" }] }, /"\$where" begins with \$/],
      [{ $set: { x: 1 } }, /"\$set" begins with \$/],
      [{ "a\0b": 1 }, /holds a NUL/],
      [{ a: { _bsontype: "ObjectId" } }, /_bsontype/],
      [cycle, /not a JSON value/],
      [nested(100), /nested deeper than 99/],
      ["x".repeat(17 * 1024 * 1024), /larger than MongoDB's 16 MiB/],
    ];
    const batch: Delivery[] = [
      delivery(100),
      ...refused.map(([payload], n) => delivery(n, payload)),
      { ...delivery(50), payload: undefined },
      delivery(101, JSON.parse('{"__proto__":{"a":1},"a.b":"\\u0000","":{"constructor":"$x"}}')),
      delivery(102, nested(99)),
    ];
    const outcomes = await sink.deliver(batch, signal);
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      ["ok", ...refused.map(() => "refused"), "refused", "ok", "ok"],
    );
    for (const [n, [, pattern]] of refused.entries())
      assert.match(JSON.stringify(outcomes[n + 1]).replaceAll('\\"', '"'), pattern);
    assert.deepEqual(await keys(), ["f:p:100:0", "f:p:101:0", "f:p:102:0"]);
  });

  it("finds the culprits that only the server knows of, among good ones", async () => {
    await stored.createIndex({ "payload.serial": 1 }, { unique: true });
    const sink = await checked();
    const batch = [1, 2, 1, 3, 2, 4].map((serial, n) => delivery(n, { serial }));
    const outcomes = await sink.deliver(batch, signal);
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      ["ok", "ok", "refused", "ok", "refused", "ok"],
    );
    assert.match(JSON.stringify(outcomes[2]), /E11000 duplicate key/);
    assert.deepEqual(await keys(), ["f:p:0:0", "f:p:1:0", "f:p:3:0", "f:p:5:0"]);
  });

  it("does not start without a server, says its name and never the password", async () => {
    const down = await openTcpProxy(serverUrl);
    await down.close();
    const port = new URL(down.url).port;
    for (const [url, reason] of [
      ["", /SINK_URL is not set/],
      ["s3cret", /SINK_URL does not hold a URL of MongoDB/],
      ["mongodb://u:s3cret@@[broken", /SINK_URL does not hold a URL of MongoDB/],
      [`mongodb://u:s3cret@127.0.0.1:${port}/?serverSelectionTimeoutMS=60000`, /ECONNREFUSED|refused/i],
    ] as const)
      await assert.rejects(sinkOf({}, url).check(), (error: Error) => {
        assert.ok(error instanceof SetupError, String(error));
        assert.match(error.message, /^Cannot use sink "archive": /);
        assert.match(error.message, reason);
        assert.doesNotMatch(error.message, /s3cret/);
        return true;
      });
  });

  it("takes no names but plain ones", () => {
    for (const config of [
      { database: "a.b" },
      { database: "" },
      { collection: "system.users" },
      { collection: "a$b" },
      { collection: "a\0b" },
      { surprise: 1 },
    ])
      assert.throws(() => sinkOf(config), v.ValiError, JSON.stringify(config));
  });

  it("throws while the server is away, and writes when it is back", async () => {
    const proxy = await openTcpProxy(serverUrl);
    const sink = await checked(proxy.url);
    await sink.deliver([delivery(1)], signal);
    await proxy.cut();
    await assert.rejects(sink.deliver([delivery(2)], signal));
    await proxy.restore();
    let outcomes: unknown = null;
    await until("it writes again", async () => {
      outcomes = await sink.deliver([delivery(2)], signal).catch(() => null);
      return outcomes !== null;
    });
    assert.deepEqual(outcomes, [ok]);
    assert.deepEqual(await keys(), ["f:p:1:0", "f:p:2:0"]);
    await sink.close();
    await proxy.close();
  });

  it("gives up at once when the server went silent, and works again on a new connection", async () => {
    const proxy = await openTcpProxy(serverUrl);
    const sink = await checked(proxy.url);
    proxy.freeze();
    const startMs = performance.now();
    await assert.rejects(sink.deliver([delivery(1)], AbortSignal.timeout(100)));
    assert.ok(performance.now() - startMs < 3_000);
    assert.deepEqual(await sink.deliver([delivery(1)], signal), [ok]);
    assert.deepEqual(await keys(), ["f:p:1:0"]);
    await sink.close();
    await proxy.close();
  });
});

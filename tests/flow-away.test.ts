/** Nodes that start while what their flows need is away: they serve, say what they wait for, and bring all to the sinks once it is back. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from "@platformatic/kafka";
import { Redis } from "ioredis";
import { MongoClient } from "mongodb";
import postgres from "postgres";
import { SetupError } from "../src/model/errors.ts";
import { kafka, makeTopic, openKafkaProxy } from "./support/kafka.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";
import { openTcpProxy, type TcpProxy } from "./support/tcp-proxy.ts";

const { TEST_DATABASE_URL: databaseUrl, TEST_REDIS_URL: redisUrl, TEST_MONGO_URL: mongoUrl } = process.env;
const variable = "FLOW_AWAY_URL";
const name = `away_${process.pid}_${Date.now()}`;
const needs = (what: string, url: string | undefined) => url === undefined && `${what} is needed`;

describe("a node that starts while what a flow needs is away", () => {
  let dir: string;
  let node: TestRuntime | null = null;
  let proxy: TcpProxy | null = null;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "orrery-flow-away-"));
  });
  afterEach(async () => {
    delete process.env[variable];
    await node?.stop();
    await proxy?.close();
    [node, proxy] = [null, null];
  });
  after(() => rm(dir, { recursive: true }));

  async function start(flow: string, url?: string): Promise<TestRuntime> {
    if (url !== undefined) process.env[variable] = url;
    await writeFile(join(dir, "kept.yaml"), flow);
    node = await openTestRuntime({ config: { flowsDir: dir } });
    return node;
  }
  const sinking = (sink: string) => `
source: { kind: http }
process: { sinks_enabled: true }
sinks: { there: { ${sink}, delivery: { retry: { base_s: 0.05, max_s: 0.1 } } } }
`;
  const shown = async ({ request }: TestRuntime) => (await request("GET", "/api/flow/kept")).json;
  const send = async ({ request, tokenOf }: TestRuntime) =>
    request("POST", "/api/flow/kept/message", {
      token: await tokenOf("publisher"),
      body: { messages: [{ id: "a", value: { n: 7 } }] },
    });

  /** It serves and says what it waits for; refuses what it cannot do yet. */
  async function waits(running: TestRuntime, reason: RegExp): Promise<void> {
    assert.equal((await running.request("GET", "/ready")).status, 200);
    await until("it says what it waits for", async () => (await shown(running)).reason !== null);
    const { state, reason: said } = await shown(running);
    assert.equal(state, "opening");
    assert.match(said, reason);
    assert.match((await running.request("GET", "/metrics")).text, /orrery_flow_open\{flow="kept"\} 0/);
    const page = (await running.request("GET", "/flow/kept")).text;
    assert.match(page, /Nothing is read yet/);
  }

  async function opens(running: TestRuntime): Promise<void> {
    await until("it is open", async () => (await shown(running)).state === "open", 40_000);
    assert.match((await running.request("GET", "/metrics")).text, /orrery_flow_open\{flow="kept"\} 1/);
  }

  /** With a sink behind the proxy: refused, then done once, whatever was tried meanwhile. */
  async function bringsOnce(flow: string, behind: TcpProxy, url = behind.url): Promise<void> {
    proxy = behind;
    await behind.cut();
    const running = await start(flow, url);
    await waits(running, /^Cannot use sink "there": /);
    const refused = await send(running);
    assert.equal(refused.status, 503);
    assert.equal(refused.json.code, "flow_not_open");
    assert.equal(refused.headers.get("retry-after"), "5");
    assert.match(refused.json.detail, /Flow "kept" is not open: Cannot use sink "there": .*: try again$/);
    const called = await running.request("POST", "/process/kept", {
      token: await running.tokenOf("publisher"),
      body: {},
    });
    assert.equal(called.status, 503);
    await behind.restore();
    await opens(running);
    for (const _ of [1, 2]) {
      const answer = await send(running);
      assert.deepEqual([answer.status, answer.json.dead], [200, 0]);
    }
  }

  it("waits for the Postgres of a sink", { skip: needs("TEST_DATABASE_URL", databaseUrl) }, async () => {
    const sql = postgres(databaseUrl ?? "", { max: 1, onnotice: () => {} });
    await sql.unsafe(`create table ${name} (idempotency_key text primary key, n integer)`);
    const sink = `kind: postgres, url_env: ${variable}, table: ${name}, columns: { n: n }`;
    await bringsOnce(sinking(sink), await openTcpProxy(databaseUrl ?? ""));
    assert.deepEqual([...(await sql`select n from ${sql(name)}`)], [{ n: 7 }]);
    await sql.unsafe(`drop table ${name}`);
    await sql.end();
  });

  it("waits for the Redis of a sink", { skip: needs("TEST_REDIS_URL", redisUrl) }, async () => {
    const sink = `kind: redis, url_env: ${variable}, as: list, key: ${name}`;
    await bringsOnce(sinking(sink), await openTcpProxy(redisUrl ?? ""));
    const redis = new Redis(redisUrl ?? "");
    assert.deepEqual(await redis.lrange(name, 0, -1), ['{"n":7}']);
    redis.disconnect();
  });

  it("waits for the MongoDB of a sink", { skip: needs("TEST_MONGO_URL", mongoUrl) }, async () => {
    const sink = `kind: mongodb, url_env: ${variable}, database: away, collection: ${name}`;
    const behind = await openTcpProxy(mongoUrl ?? "");
    await bringsOnce(sinking(sink), behind);
    const mongo = new MongoClient(mongoUrl ?? "");
    assert.equal(await mongo.db("away").collection(name).countDocuments(), 1);
    await mongo.close();
  });

  describe("where that is Kafka", { skip: needs("TEST_KAFKA", kafka) }, () => {
    const client = { clientId: "test", bootstrapBrokers: [kafka ?? ""] };
    before(async () => {
      if (kafka === undefined) return; // hooks run even so
      const admin = new Admin(client);
      await makeTopic(admin, `${name}-out`, 1);
      await makeTopic(admin, `${name}-in`, 2);
      await admin.close();
    });

    it("waits for the broker of a sink", async () => {
      const behind = await openKafkaProxy();
      const sink = `kind: kafka, brokers: ["${behind.address}"], topic: ${name}-out`;
      await bringsOnce(sinking(sink), behind);
      const consumer = new Consumer({ ...client, groupId: `${name}-check`, deserializers: stringDeserializers });
      const stream = await consumer.consume({ topics: [`${name}-out`], mode: "earliest", autocommit: false });
      for await (const { value } of stream) {
        assert.equal(value, '{"n":7}');
        break;
      }
      await stream.close();
      await consumer.close();
    });

    it("waits for the broker of a source, and then reads all that came meanwhile", async () => {
      const behind = await openKafkaProxy();
      proxy = behind;
      await behind.cut();
      const running = await start(`
source: { kind: kafka, brokers: ["${behind.address}"], topics: [${name}-in], group: ${name} }
sinks: { out: { kind: jsonl, folder: out } }
`);
      await waits(running, /^Cannot use source of flow "kept": /);
      const producer = new Producer({ ...client, serializers: stringSerializers });
      const messages = Array.from({ length: 50 }, (_, n) => ({ topic: `${name}-in`, value: `{"n":${n}}` }));
      await producer.send({ messages });
      await producer.close();
      await behind.restore();
      await opens(running);
      await until("all are delivered", async () => (await shown(running)).sinks[0].delivered === 50);
    });
  });

  it("waits for the Redis of a source", { skip: needs("TEST_REDIS_URL", redisUrl) }, async () => {
    const behind = await openTcpProxy(redisUrl ?? "");
    proxy = behind;
    await behind.cut();
    const running = await start(
      `
source: { kind: redis, url_env: ${variable}, streams: ["${name}:in"], group: g }
sinks: { out: { kind: jsonl, folder: out } }
`,
      behind.url,
    );
    await waits(running, /^Cannot use source of flow "kept": Redis at .* does not answer/);
    const redis = new Redis(redisUrl ?? "");
    for (let n = 0; n < 20; n++) await redis.xadd(`${name}:in`, "*", "payload", `{"n":${n}}`);
    await behind.restore();
    await opens(running);
    await until("all are delivered", async () => (await shown(running)).sinks[0].delivered === 20);
    redis.disconnect();
  });

  it("is not held up by a server that says nothing, neither when it starts nor when it stops", async () => {
    const silent = net.createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as net.AddressInfo; // it listens on TCP
    const running = await start(sinking(`kind: kafka, brokers: ["127.0.0.1:${port}"], topic: t`));
    assert.equal((await running.request("GET", "/ready")).status, 200);
    const { state, reason } = await shown(running);
    assert.deepEqual([state, reason], ["opening", null]); // the first try has not ended: it was not waited for
    const stopMs = performance.now();
    await running.stop();
    node = null;
    assert.ok(performance.now() - stopMs < 9_000, `stopped in ${performance.now() - stopMs} ms`);
    silent.close();
  });

  it("is not held up by an onStart that does not end, neither when it starts nor when it stops", async () => {
    await writeFile(join(dir, "slow.ts"), "export default { onStart: () => new Promise(() => {}) };");
    const running = await start("source: { kind: http }\nmodule: slow.ts\nsinks: {}");
    assert.equal((await running.request("GET", "/ready")).status, 200);
    const refused = await send(running);
    assert.equal(refused.status, 503);
    assert.match(refused.json.detail, /^Flow "kept" is not open: its onStart, or what it needs, has not answered yet/);
    await running.stop();
    node = null;
  });

  it("waits for the MongoDB of a sink whose name cannot be looked up", async () => {
    const sink = `kind: mongodb, url_env: ${variable}, database: away, collection: ${name}`;
    await waits(await start(sinking(sink), "mongodb+srv://orrery.invalid/"), /^Cannot use sink "there": query/);
  });

  it("waits for a Redis that has no room for one more client", async () => {
    const full = net.createServer((socket) => {
      socket.on("error", () => {});
      socket.end("-ERR max number of clients reached\r\n");
    });
    await new Promise<void>((resolve) => full.listen(0, "127.0.0.1", resolve));
    const { port } = full.address() as net.AddressInfo; // it listens on TCP
    const sink = sinking(`kind: redis, url_env: ${variable}, as: list, key: k`);
    await waits(await start(sink, `redis://127.0.0.1:${port}`), /Redis at .* does not answer/);
    full.close();
  });

  it("does not start at all where something else of the flow is wrong", async () => {
    const flow = `
source: { kind: http }
sinks:
  away: { kind: redis, url_env: ${variable}, as: list, key: k }
  wrong: { kind: jsonl, folder: no/such/folder }
`;
    await assert.rejects(start(flow, "redis://127.0.0.1:1"), (error) => {
      assert.ok(error instanceof SetupError, String(error));
      assert.match(error.message, /^Cannot use sink "wrong": /);
      return true;
    });
  });

  it("pauses and resumes it, and runs a message dry", async () => {
    const running = await start(sinking(`kind: redis, url_env: ${variable}, as: list, key: k`), "redis://127.0.0.1:1");
    const token = await running.tokenOf("operator");
    for (const verb of ["pause", "resume"]) {
      const { status, json } = await running.request("PUT", `/api/flow/kept/${verb}`, { token });
      assert.deepEqual([status, json.paused, json.state], [200, verb === "pause", "opening"]);
    }
    const dry = await running.request("POST", "/api/flow/kept/probe", { token, body: { message: '{"n":1}' } });
    assert.equal(dry.status, 200);
  });
});

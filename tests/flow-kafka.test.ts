/** A flow of two nodes that reads Kafka: shared partitions, sinks on Postgres and Kafka, dead letters in the store and in a topic of their own. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from "@platformatic/kafka";
import postgres from "postgres";
import { kafka, makeTopic } from "./support/kafka.ts";
import { openTestRuntime, type TestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const databaseUrl = process.env.TEST_DATABASE_URL;
const skip = (kafka === undefined || databaseUrl === undefined) && "TEST_KAFKA and TEST_DATABASE_URL are needed";

describe("a flow from Kafka", { skip }, () => {
  const name = `flow-${process.pid}-${Date.now()}`;
  const [topic, table] = [`in-${name}`, name.replaceAll("-", "_")];
  const client = { clientId: "test", bootstrapBrokers: [kafka ?? ""] };
  let dir: string;
  let sql: postgres.Sql;
  const nodes: TestRuntime[] = [];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "orrery-flow-kafka-"));
    sql = postgres(databaseUrl ?? "", { max: 1, onnotice: () => {} });
    await sql.unsafe(`create table ${table} (idempotency_key text primary key, n integer, node text)`);
    const admin = new Admin(client);
    await makeTopic(admin, topic, 4);
    await admin.close();
    await writeFile(
      join(dir, `${name}.yaml`),
      `
source: { kind: kafka, brokers: ["${kafka}"], topics: [${topic}], group: ${name}, dead_letter_topics: true }
input: { type: object, required: [n], properties: { n: { type: integer } } }
module: flow.ts
attempts: 2
retry: { base_s: 0.01, max_s: 0.01 }
sinks:
  rows: { kind: postgres, url_env: TEST_DATABASE_URL, table: ${table}, columns: { n: n, node: node } }
`,
    );
    await writeFile(
      join(dir, "flow.ts"),
      `export default {
  execute: ({ input }, _, { node }) => {
    if (input.n % 20 === 7) throw new Error("one of the five in a hundred that fail");
    return { n: input.n, node };
  },
};`,
    );
  });
  after(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await sql.unsafe(`drop table ${table}`);
    await sql.end();
    await rm(dir, { recursive: true });
  });

  async function send(from: number, to: number): Promise<void> {
    const producer = new Producer({ ...client, serializers: stringSerializers });
    const messages = Array.from({ length: to - from }, (_, i) => ({
      topic,
      key: `k${from + i}`,
      value: `{"n":${from + i}}`,
    }));
    await producer.send({ messages });
    await producer.close();
  }

  const rows = () => sql<{ n: number; node: string }[]>`select n, node from ${sql(table)} order by n`;
  const failing = (to: number) => Array.from({ length: to }, (_, n) => n).filter((n) => n % 20 === 7);
  const dead = async (node: TestRuntime): Promise<number> =>
    (await node.request("GET", `/api/dlq?job_type=orrery.flow.${name}&limit=1`)).json.total;
  const start = async (): Promise<TestRuntime> => {
    const node = await openTestRuntime({ config: { flowsDir: dir } });
    nodes.push(node);
    return node;
  };

  it("is read by one node, then shared with a second one, and goes back to the first: nothing is lost or doubled", async () => {
    const first = await start();
    await send(0, 400);
    await until("the first 400 are there", async () => (await rows()).length === 400 - failing(400).length, 30_000);
    const second = await start();
    await until(
      "both have two partitions",
      async () => {
        const held = await Promise.all(nodes.map((node) => node.request("GET", `/api/flow/${name}`)));
        return held.every(({ json }) => json.partitions.length === 2);
      },
      30_000,
    );
    await send(400, 1_000);
    await until("1,000 are there", async () => (await rows()).length === 1_000 - failing(1_000).length, 30_000);
    const by = new Set((await rows()).filter(({ n }) => n >= 400).map(({ node }) => node));
    assert.deepEqual([...by].sort(), nodes.map(({ runtime }) => runtime.nodeId).sort());
    const [, ended] = nodes.splice(0, 2, first);
    assert.equal(ended, second);
    await second.stop();
    await send(1_000, 1_200);
    await until("1,200 are there", async () => (await rows()).length === 1_200 - failing(1_200).length, 30_000);
    const [{ count } = { count: 0 }] = await sql<{ count: number }[]>`select count(*)::int as count from ${sql(table)}`;
    assert.equal(count, 1_200 - failing(1_200).length);
  });

  it("commits what is done with: no lag is left", async () => {
    const [node] = nodes;
    await until(
      "there is no lag",
      async () => {
        const { json } = (await node?.request("GET", `/api/flow/${name}`)) ?? { json: { partitions: [] } };
        return (
          json.partitions.length === 4 &&
          json.partitions.every((one: { held: number; waiting: number }) => one.held === 0 && one.waiting === 0)
        );
      },
      20_000,
    );
  });

  it("writes what failed to the dead-letter topic as well, with the error", async () => {
    const consumer = new Consumer({ ...client, groupId: `read-${name}`, deserializers: stringDeserializers });
    const stream = await consumer.consume({ topics: [`${topic}_dlq`], mode: "earliest", autocommit: false });
    const found = new Set<number>();
    for await (const { value } of stream) {
      const { payload, error, message } = JSON.parse(String(value)) as {
        payload?: unknown;
        error: string;
        message: { text: string };
      };
      assert.equal(payload, undefined);
      assert.equal(error, "its task failed: one of the five in a hundred that fail");
      found.add((JSON.parse(message.text) as { n: number }).n);
      if (found.size === failing(1_200).length) break;
    }
    await stream.close();
    await consumer.close();
    assert.deepEqual(
      [...found].sort((a, b) => a - b),
      failing(1_200),
    );
    assert.ok(nodes[0] !== undefined && (await dead(nodes[0])) > 0);
  });
});

/** Flows at a broker that asks who they are: their source, their sink and their dead letters, by each mechanism; and what it says of strangers. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from "@platformatic/kafka";
import { kafkaUser } from "../scripts/services/kafka.ts";
import { createKafkaSink } from "../src/flow/sinks/kafka.ts";
import { createKafkaSource } from "../src/flow/sources/kafka.ts";
import { SetupError } from "../src/model/errors.ts";
import { kafka, makeTopic } from "./support/kafka.ts";
import { openTestRuntime } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const broker = process.env.TEST_KAFKA_SASL;
const names = { username_env: "KAFKA_USER", password_env: "KAFKA_PASSWORD" } as const;
const known = { KAFKA_USER: kafkaUser.username, KAFKA_PASSWORD: kafkaUser.password };
const sinkOf = (sasl: object, environment: Record<string, string>, brokers = [broker ?? "127.0.0.1:1"]) =>
  createKafkaSink("lake", { kind: "kafka", brokers, topic: "t", sasl: sasl as never }, { configDir: "/", environment });

describe("a Kafka sink that says who it is", () => {
  it("is refused where a password would go over the wire as it is, or is not set", async () => {
    const sasl = { mechanism: "plain", ...names };
    const refused = (environment: Record<string, string>, brokers: string[], reason: RegExp) =>
      assert.rejects(sinkOf(sasl, environment, brokers).check(), (error) => {
        assert.ok(error instanceof SetupError && error.name === "SetupError", String(error));
        assert.match(error.message, reason);
        return true;
      });
    await refused(known, ["127.0.0.1:1", "kafka.example.org:9092"], /^Cannot use sink "lake": sasl with plain sends/);
    await refused({ KAFKA_USER: "u" }, ["127.0.0.1:1"], /^Cannot use sink "lake" as .* KAFKA_PASSWORD is not set/);
  });
});

describe("a flow at a broker that asks who it is", {
  skip: broker === undefined && "TEST_KAFKA_SASL is needed",
}, () => {
  const name = `sasl-${process.pid}-${Date.now()}`;
  const client = { clientId: "test", bootstrapBrokers: [kafka ?? ""] };
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "orrery-sasl-"));
    if (broker === undefined) return; // hooks run even so
    const admin = new Admin(client);
    for (const topic of ["in", "out", "t"])
      await makeTopic(admin, topic === "t" ? "t" : `${name}-${topic}`, 2).catch(() => {});
    await admin.close();
    Object.assign(process.env, known);
  });
  after(async () => {
    for (const variable of Object.keys(known)) delete process.env[variable];
    await rm(dir, { recursive: true });
  });

  for (const mechanism of ["plain", "scram-sha-256", "scram-sha-512"]) {
    it(`is let in by ${mechanism}`, async () => {
      const sink = sinkOf({ mechanism, ...names }, known);
      await sink.check();
      const delivery = { key: "f:p:1:0", origin: { partition: "p", id: "1" }, payload: { n: 1 } };
      assert.deepEqual(await sink.deliver([delivery], AbortSignal.timeout(10_000)), [{ kind: "ok" }]);
      await sink.close();
    });

    it(`is refused by ${mechanism} with a wrong password or as a stranger, and never shows it`, async () => {
      for (const environment of [
        { ...known, KAFKA_PASSWORD: "hunter2" },
        { KAFKA_USER: "stranger", KAFKA_PASSWORD: "hunter2" },
      ]) {
        const sasl = { mechanism, ...names };
        const sink = sinkOf(sasl, environment);
        const config = { kind: "kafka", group: name, from: "earliest" } as const;
        const parts = { configDir: "/", environment };
        const source = createKafkaSource(
          "f",
          { ...config, topics: ["t"], brokers: [broker ?? ""], sasl: sasl as never },
          parts,
        );
        const listener = { assigned() {}, async revoked() {}, messages() {}, failed() {} };
        for (const [attempt, who] of [
          [() => sink.check(), 'sink "lake"'],
          [() => source.open(listener), 'source of flow "f"'],
        ] as const)
          await assert.rejects(attempt(), (error: Error) => {
            assert.match(String(error), new RegExp(`^SetupError: Cannot use ${who}: .*[Aa]uthentication`));
            assert.doesNotMatch(error.message, /hunter2/);
            return true;
          });
        await Promise.all([sink.close(), source.close()]);
      }
    });
  }

  it("reads, writes and keeps dead letters there", async () => {
    const sasl = `sasl: { mechanism: scram-sha-512, username_env: KAFKA_USER, password_env: KAFKA_PASSWORD }`;
    await writeFile(
      join(dir, "asked.yaml"),
      `
source: { kind: kafka, brokers: ["${broker}"], topics: [${name}-in], group: ${name}, dead_letter_topics: true, ${sasl} }
input: { type: object, required: [n] }
sinks: { out: { kind: kafka, brokers: ["${broker}"], topic: ${name}-out, ${sasl} } }
`,
    );
    const node = await openTestRuntime({ config: { flowsDir: dir } });
    const producer = new Producer({ ...client, serializers: stringSerializers });
    const messages = Array.from({ length: 20 }, (_, n) => ({
      topic: `${name}-in`,
      value: n === 7 ? "{}" : `{"n":${n}}`,
    }));
    await producer.send({ messages });
    await producer.close();
    await until("all are done with", async () => {
      const { json } = await node.request("GET", "/api/flow/asked");
      return json.messages.done === 20 && json.sinks[0].delivered === 19;
    });
    await node.stop();
    const consumer = new Consumer({ ...client, groupId: `${name}-check`, deserializers: stringDeserializers });
    const topics = [`${name}-out`, `${name}-in_dlq`];
    const stream = await consumer.consume({ topics, mode: "earliest", autocommit: false });
    const found: string[] = [];
    for await (const { topic } of stream) if (found.push(topic) === 20) break;
    await stream.close();
    await consumer.close();
    assert.equal(found.filter((topic) => topic === `${name}-in_dlq`).length, 1);
  });
});

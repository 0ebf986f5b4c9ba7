/** The Kafka sink: what it writes and where, what it refuses, and a broker that loses answers, goes away and comes back. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Admin, Consumer, type Message, stringDeserializers } from "@platformatic/kafka";
import * as v from "valibot";
import { idempotencyKey } from "../src/flow/message.ts";
import type { Delivery, Outcome, Sink } from "../src/flow/sink.ts";
import { createKafkaSink, type KafkaSinkConfig, kafkaSink } from "../src/flow/sinks/kafka.ts";
import {
  hasOpenssl,
  type KafkaProxy,
  kafka,
  makeTopic,
  openKafkaProxy,
  openPlainServer,
  openTlsProxy,
} from "./support/kafka.ts";
import { until } from "./support/signal.ts";
import { openTcpProxy } from "./support/tcp-proxy.ts";

const { signal } = new AbortController();
const clientId = "test";
const folder = mkdtempSync(join(tmpdir(), "orrery-kafka-"));
const parts = { configDir: folder, environment: {} };
after(() => rmSync(folder, { recursive: true }));

const delivery = (id: number, payload: unknown): Delivery => ({
  key: idempotencyKey({ flow: "a flow", partition: "p", id: String(id) }, "0"),
  origin: { partition: "p", id: String(id) },
  payload,
});
const kinds = (outcomes: readonly Outcome[]) => outcomes.map(({ kind }) => kind);
const oks = (count: number) => new Array<string>(count).fill("ok");

describe("the Kafka sink's settings", () => {
  it("are refused when a broker, the topic or the key is none", () => {
    const good = { kind: "kafka", brokers: ["a.test:9092", "b"], topic: "ship.values", key: "{ship}" };
    assert.ok(v.is(kafkaSink, good));
    const bad = [
      { brokers: [] },
      { brokers: ["me:hunter2@a.test:9092"] },
      { brokers: ["a b"] },
      { topic: "a b" },
      { topic: ".." },
      { topic: "" },
      { topic: "a".repeat(250) },
      { key: "{" },
      { acks: 0 },
    ];
    for (const one of bad) assert.ok(!v.is(kafkaSink, { ...good, ...one }), JSON.stringify(one));
  });

  it("refuse the start by the sink's name when no broker answers", async () => {
    const closed = await openTcpProxy("kafka://127.0.0.1:1");
    await closed.close();
    const { host } = new URL(closed.url);
    const sink = createKafkaSink("lake", { kind: "kafka", brokers: [host], topic: "values" }, parts);
    const expected = `^AwayError: Cannot use sink "lake": .* topic "values" at ${host}: .*ECONNREFUSED`;
    await assert.rejects(sink.check(), new RegExp(expected));
    await sink.close();
  });

  it("refuse the start when TLS is asked for and the other end has none", async () => {
    const plain = await openPlainServer();
    const brokers = [plain.broker];
    const sink = createKafkaSink("lake", { kind: "kafka", brokers, topic: "values", tls: true }, parts);
    await assert.rejects(sink.check(), /^SetupError: Cannot use sink "lake"/);
    await sink.close();
    await plain.close();
  });
});

describe("the Kafka sink", { skip: kafka === undefined }, () => {
  let admin: Admin;
  let proxy: KafkaProxy;
  const topics: string[] = [];
  const opened: Sink[] = [];
  before(async () => {
    admin = new Admin({ clientId, bootstrapBrokers: [kafka ?? ""] });
    proxy = await openKafkaProxy();
  });
  after(async () => {
    for (const sink of opened) await sink.close();
    await proxy.close();
    if (topics.length > 0) await admin.deleteTopics({ topics });
    await admin.close();
  });

  const nameTopic = (): string => {
    const topic = `test-${randomUUID()}`;
    topics.push(topic);
    return topic;
  };
  async function newTopic(partitions: number, configs: { name: string; value: string }[] = []): Promise<string> {
    const topic = nameTopic();
    await makeTopic(admin, topic, partitions, configs);
    return topic;
  }
  async function open(config: Partial<KafkaSinkConfig>, brokers = [kafka ?? ""]): Promise<Sink> {
    const sink = createKafkaSink("lake", { kind: "kafka", brokers, topic: "", ...config }, parts);
    opened.push(sink);
    await sink.check();
    return sink;
  }

  /** All that is in the topic, in the order of each partition. */
  async function read(topic: string): Promise<Message<string, string, string, string>[]> {
    const consumer = new Consumer({
      clientId,
      groupId: randomUUID(),
      bootstrapBrokers: [kafka ?? ""],
      deserializers: stringDeserializers,
      retries: 20, // a broker that has just begun sets up its groups at the first use
    });
    const offsets = await consumer.listOffsets({ topics: [topic] });
    const count = [...(offsets.get(topic) ?? [])].reduce((sum, end) => sum + Number(end), 0);
    const found: Message<string, string, string, string>[] = [];
    const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: false });
    for await (const message of stream) {
      found.push(message);
      if (found.length >= count) break;
    }
    await stream.close();
    await consumer.close();
    return found;
  }
  const valuesOf = async (topic: string) => (await read(topic)).map(({ value }) => JSON.parse(value) as unknown);

  it("writes each payload as JSON in order, with its key, the delivery's key and the flow", async () => {
    const topic = await newTopic(1);
    const sink = await open({ topic, key: "{ship}" });
    const payloads = [
      { ship: "Aurora 7", n: 1 },
      { ship: "ünïcode ⚓", n: 2 },
    ];
    const batch = payloads.map((payload, id) => delivery(id, payload));
    assert.deepEqual(kinds(await sink.deliver(batch, signal)), ["ok", "ok"]);
    assert.deepEqual(
      (await read(topic)).map(({ key, value, headers }) => [key, JSON.parse(value), Object.fromEntries(headers)]),
      payloads.map((payload, id) => [
        payload.ship,
        payload,
        { "idempotency-key": `a%20flow:p:${id}:0`, flow: "a flow" },
      ]),
    );
    assert.deepEqual(await sink.deliver([], signal), []);
  });

  it("keeps payloads of a key in the partition that Java's clients choose, and spreads those without one", async () => {
    const keyed = await newTopic(6);
    const ids = Array.from({ length: 24 }, (_, id) => id);
    const ships = ["aurora", "borealis", "draco"];
    const sink = await open({ topic: keyed, key: "{ship}" });
    for (const part of [ids.slice(0, 12), ids.slice(12)])
      await sink.deliver(
        part.map((id) => delivery(id, { ship: ships[id % 3] })),
        signal,
      );
    const places = new Set((await read(keyed)).map(({ key, partition }) => `${key} ${partition}`));
    // `Utils.toPositive(Utils.murmur2(key)) % 6` of kafka-clients 3.9.1.
    assert.deepEqual([...places].sort(), ["aurora 5", "borealis 1", "draco 4"]);

    const spread = await newTopic(6);
    await (await open({ topic: spread })).deliver(
      ids.map((id) => delivery(id, id)),
      signal,
    );
    assert.equal(new Set((await read(spread)).map(({ partition }) => partition)).size, 6);
  });

  it("refuses the start without its topic and says what to do; creates it when it is told, also twice", async () => {
    const topic = nameTopic();
    const missing = `Cannot use sink "lake": there is no topic "${topic}": .*create_topic: true`;
    await assert.rejects(open({ topic }), new RegExp(`^SetupError: ${missing}`));
    const sinks = await Promise.all([open({ topic, create_topic: true }), open({ topic, create_topic: true })]);
    for (const sink of sinks) assert.deepEqual(kinds(await sink.deliver([delivery(1, 1)], signal)), ["ok"]);
    await open({ topic });
    assert.equal((await read(topic)).length, 2);
  });

  it("refuses what the topic's limit or kind forbids, and writes the others of its batch once each, in order", async () => {
    const topic = await newTopic(1, [{ name: "max.message.bytes", value: "2000" }]);
    const sink = await open({ topic });
    const batch = Array.from({ length: 20 }, (_, id) => delivery(id, id === 13 ? "x".repeat(3000) : `${id}`));
    const outcomes = await sink.deliver(batch, signal);
    assert.deepEqual(
      kinds(outcomes),
      batch.map((_, id) => (id === 13 ? "refused" : "ok")),
    );
    assert.match(JSON.stringify(outcomes[13]), /larger|too large|size/i);
    const others = batch.map(({ payload }) => payload).filter((_, id) => id !== 13);
    assert.deepEqual(await valuesOf(topic), others);

    const compacted = await newTopic(1, [{ name: "cleanup.policy", value: "compact" }]);
    const keyless = await (await open({ topic: compacted })).deliver([delivery(1, 1)], signal);
    assert.deepEqual(kinds(keyless), ["refused"]);
  });

  it("loses nothing of a batch that one partition takes and another does not", async () => {
    const topic = await newTopic(2, [{ name: "max.message.bytes", value: "2000" }]);
    const sink = await open({ topic, key: "{ship}" });
    for (let round = 0; round < 2; round += 1) {
      // They lie in different partitions: by the test above, in an odd and an even one of six.
      const batch = ["x".repeat(3000), "a", "b", "c"].map((text, id) =>
        delivery(round * 4 + id, { ship: id === 0 ? "draco" : "aurora", text: `${text}${round}` }),
      );
      assert.deepEqual(kinds(await sink.deliver(batch, signal)), ["refused", "ok", "ok", "ok"]);
    }
    const texts = new Set((await read(topic)).map(({ value }) => JSON.parse(value).text as string));
    assert.deepEqual([...texts].sort(), ["a0", "a1", "b0", "b1", "c0", "c1"]);
  });

  it("writes more than a broker takes at once", async () => {
    const topic = await newTopic(1);
    const sink = await open({ topic });
    const batch = Array.from({ length: 30 }, (_, id) => delivery(id, `${id}`.padEnd(100_000, "x")));
    assert.deepEqual(kinds(await sink.deliver(batch, signal)), oks(30));
    assert.deepEqual(
      (await valuesOf(topic)).map((value) => Number.parseInt(String(value), 10)),
      batch.map((_, id) => id),
    );
  });

  it("refuses a payload without its key and one that is no JSON, and writes the others", async () => {
    const topic = await newTopic(1);
    const sink = await open({ topic, key: "{ship}" });
    const cycle: Record<string, unknown> = { ship: "a" };
    cycle.self = cycle;
    const hostile = [{}, null, { ship: {} }, cycle, () => 1, { ship: "a\r\n\0{}", text: "\ud800" }];
    const outcomes = await sink.deliver(
      hostile.map((payload, id) => delivery(id, payload)),
      signal,
    );
    assert.deepEqual(kinds(outcomes), [...new Array<string>(5).fill("refused"), "ok"]);
    assert.deepEqual(await valuesOf(topic), [{ ship: "a\r\n\0{}", text: "\ud800" }]);
  });

  it("writes once what it sends again by itself, when only the answer was lost", async () => {
    const topic = await newTopic(1);
    const sink = await open({ topic }, [proxy.address]);
    await sink.deliver([delivery(1, "before")], signal);
    const swallowed = proxy.swallowAnswerTo("answer lost");
    const delivering = sink.deliver([delivery(2, "answer lost")], signal);
    await swallowed;
    await until("the broker has written it", async () => (await read(topic)).length === 2);
    await proxy.cut();
    await proxy.restore();
    assert.deepEqual(kinds(await delivering), ["ok"]);
    await sink.deliver([delivery(3, "after")], signal);
    assert.deepEqual(await valuesOf(topic), ["before", "answer lost", "after"]);
  });

  it("loses nothing that comes after a send whose answer never came", async () => {
    const topic = await newTopic(1);
    const sink = await open({ topic }, [proxy.address]);
    await sink.deliver([delivery(1, "before")], signal);
    const swallowed = proxy.swallowAnswerTo("answer lost");
    const delivering = sink.deliver([delivery(2, "answer lost")], signal);
    delivering.catch(() => {}); // looked at below
    await swallowed;
    await until("the broker has written it", async () => (await read(topic)).length === 2);
    await proxy.cut();
    await assert.rejects(delivering);
    await proxy.restore();
    assert.deepEqual(kinds(await sink.deliver([delivery(3, "another")], signal)), ["ok"]);
    assert.deepEqual(await valuesOf(topic), ["before", "answer lost", "another"]);
  });

  it("throws while the broker is away, and works again when it is back", async () => {
    const topic = await newTopic(1);
    const sink = await open({ topic }, [proxy.address]);
    await sink.deliver([delivery(1, 1)], signal);
    await proxy.cut();
    for (let i = 0; i < 3; i += 1) await assert.rejects(sink.deliver([delivery(2, 2)], signal), /ECONNREFUSED/);
    await proxy.restore();
    assert.deepEqual(kinds(await sink.deliver([delivery(2, 2), delivery(3, 3)], signal)), ["ok", "ok"]);
    assert.deepEqual(await valuesOf(topic), [1, 2, 3]);
  });

  it("ends soon when its time is over and the broker says nothing, and works again", async () => {
    const topic = await newTopic(1);
    const sink = await open({ topic }, [proxy.address]);
    await sink.deliver([delivery(1, 1)], signal);
    proxy.freeze();
    const timeout = new AbortController();
    const delivering = sink.deliver([delivery(2, 2)], timeout.signal);
    timeout.abort(new Error("its time is over"));
    await assert.rejects(delivering, /its time is over/);
    assert.deepEqual(kinds(await sink.deliver([delivery(3, 3)], signal)), ["ok"]);
    assert.deepEqual(await valuesOf(topic), [1, 3]);
  });

  it("writes over TLS to who has a certificate of that name, by an authority that it trusts", {
    skip: hasOpenssl ? false : "openssl is not installed",
  }, async () => {
    const topic = await newTopic(1);
    const here = await openTlsProxy(folder, "here", "DNS:localhost,IP:127.0.0.1");
    const other = await openTlsProxy(folder, "other", "DNS:other.test");
    for (const host of ["localhost", "127.0.0.1"]) {
      const sink = await open({ topic, tls: true, ca_file: "here.pem" }, [`${host}:${here.port}`]);
      assert.deepEqual(kinds(await sink.deliver([delivery(1, host)], signal)), ["ok"]);
    }
    await assert.rejects(open({ topic, tls: true }, [`localhost:${here.port}`]), /self[- ]signed/);
    await assert.rejects(
      open({ topic, tls: true, ca_file: "other.pem" }, [`localhost:${other.port}`]),
      /Cannot use sink "lake": .*(altnames|certificate)/,
    );
    await assert.rejects(open({ topic, ca_file: "here.pem" }), /Cannot use sink "lake": its ca_file needs tls: true/);
    await assert.rejects(
      open({ topic, tls: true, ca_file: "no.pem" }),
      /Cannot use sink "lake" as its ca_file cannot be read/,
    );
    assert.deepEqual(await valuesOf(topic), ["localhost", "127.0.0.1"]);
    for (const sink of opened.splice(0)) await sink.close();
    for (const { close } of [here, other]) await close();
  });
});

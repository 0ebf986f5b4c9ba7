/** The Kafka source: what it reads and from where, what it stops at, and a broker that goes away and comes back. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Consumer, Producer, stringSerializers } from "@platformatic/kafka";
import * as v from "valibot";
import { createKafkaSource, kafkaSource } from "../src/flow/sources/kafka.ts";
import { hasOpenssl, kafka, makeTopic, openKafkaProxy, openPlainServer, openTlsProxy } from "./support/kafka.ts";
import { type KafkaTest, numbered, openKafkaTest } from "./support/kafka-source.ts";
import { until } from "./support/signal.ts";
import { openTcpProxy } from "./support/tcp-proxy.ts";

const folder = mkdtempSync(join(tmpdir(), "orrery-kafka-"));
after(() => rmSync(folder, { recursive: true }));

const nobody = { assigned() {}, async revoked() {}, messages() {}, failed() {} };
const config = { kind: "kafka" as const, topics: ["values"], group: "g", from: "earliest" as const };

describe("the Kafka source's settings", () => {
  it("begin at the start unless they say otherwise, and are refused when a broker, a topic or the group is none", () => {
    const good = { kind: "kafka", brokers: ["a.test:9092", "b"], topics: ["ship.values"], group: "orrery" };
    assert.equal(v.parse(kafkaSource, good).from, "earliest");
    const bad = [
      { brokers: [] },
      { brokers: ["me:hunter2@a.test:9092"] },
      { topics: [] },
      { topics: ["a b"] },
      { topics: [".."] },
      { group: "" },
      { group: "a b" },
      { from: "now" },
      { offset: 3 },
    ];
    for (const one of bad) assert.ok(!v.is(kafkaSource, { ...good, ...one }), JSON.stringify(one));
  });

  it("refuse the start by the flow's name when no broker answers, and say what to do", async () => {
    const closed = await openTcpProxy("kafka://127.0.0.1:1");
    await closed.close();
    const { host } = new URL(closed.url);
    const source = createKafkaSource("orbits", { ...config, brokers: [host] }, { configDir: folder, environment: {} });
    const expected = `^AwayError: Cannot use source of flow "orbits": .*at ${host}: .*ECONNREFUSED.*see that brokers`;
    await assert.rejects(source.open(nobody), new RegExp(expected));
    await source.close();
  });

  it("refuse the start when TLS is asked for and the other end has none", async () => {
    const plain = await openPlainServer();
    const brokers = [plain.broker];
    const source = createKafkaSource(
      "orbits",
      { ...config, brokers, tls: true },
      { configDir: folder, environment: {} },
    );
    await assert.rejects(
      source.open(nobody),
      /^SetupError: Cannot use source of flow "orbits": .*see that brokers, tls and sasl/,
    );
    await plain.close();
  });
});

describe("the Kafka source", { skip: kafka === undefined }, () => {
  let test: KafkaTest;
  before(async () => {
    test = await openKafkaTest(folder);
  });
  after(() => test.close());

  it("reads each partition in order, with key, headers and time", async () => {
    const topic = await test.makeTopic(2);
    await test.send(topic, ["a0"], {
      key: "Aurora ⚓",
      headers: { kind: "orbit", empty: "" },
      timestamp: 1_700_000_000_123n,
    });
    await test.send(topic, numbered(599, "a", 1));
    await test.send(topic, numbered(300, "b"), { partition: 1 });
    const { values, messages, has } = await test.open({ topics: [topic] });
    await has(900);
    assert.deepEqual(values(`${topic}:0`), numbered(600, "a"));
    assert.deepEqual(values(`${topic}:1`), numbered(300, "b"));
    const first = messages.find(({ partition, id }) => partition === `${topic}:0` && id === "0");
    assert.deepEqual(first, {
      flow: "orbits",
      partition: `${topic}:0`,
      id: "0",
      offset: 0,
      key: "Aurora ⚓",
      value: first?.value,
      timestampMs: 1_700_000_000_123,
      headers: { kind: "orbit", empty: "" },
    });
    const last = messages.findLast(({ partition }) => partition === `${topic}:0`);
    assert.deepEqual([last?.id, last?.offset, last?.key, last?.headers], ["599", 599, null, {}]);
  });

  it("begins behind what was committed, which is durable once it is said to be", async () => {
    const topic = await test.makeTopic();
    const group = randomUUID();
    await test.send(topic, numbered(10));
    const first = await test.open({ topics: [topic], group });
    await first.has(10);
    await first.source.commit(`${topic}:0`, 4);
    assert.equal(await test.committed(group, topic), 4);
    await first.source.close();
    assert.equal(await test.committed(group, topic), 4, "closing commits nothing");
    const second = await test.open({ topics: [topic], group });
    await second.has(6);
    assert.deepEqual(second.values(), numbered(6, "", 4));
  });

  it("begins at the end where that is asked for, and keeps what comes before the first commit for who reads next", async () => {
    const topic = await test.makeTopic();
    const group = randomUUID();
    await test.send(topic, ["old"]);
    const first = await test.open({ topics: [topic], group, from: "latest" });
    await until("it has begun", async () => (await test.committed(group, topic)) === 1);
    await test.send(topic, ["new"]);
    await first.has(1);
    await first.source.close();
    const second = await test.open({ topics: [topic], group, from: "latest" });
    await second.has(1);
    assert.deepEqual([first.values(), second.values()], [["new"], ["new"]]);
  });

  it("hands nothing over of a partition that is paused, and goes on without loss or repetition", async () => {
    const topic = await test.makeTopic(2);
    await test.send(topic, numbered(5_000, "a"));
    const reader = await test.open({ topics: [topic] });
    let takenPaused = 0;
    let isPaused = false;
    reader.onMessages = (partition) => {
      if (partition !== `${topic}:0`) return;
      if (isPaused) takenPaused += 1;
      isPaused = true;
      reader.source.pause(partition);
    };
    for (let round = 0; round < 5_000; round += 1) {
      await until("it is paused", () => isPaused);
      if (reader.values(`${topic}:0`).length === 5_000) break;
      if (round === 3) {
        await test.send(topic, numbered(300, "b"), { partition: 1 });
        await until("the other partition is read", () => reader.values(`${topic}:1`).length === 300);
      }
      isPaused = false;
      reader.source.resume(`${topic}:0`);
    }
    assert.equal(takenPaused, 0);
    assert.deepEqual(reader.values(`${topic}:0`), numbered(5_000, "a"));
    reader.source.pause("none:0");
    reader.source.resume("none:0");
  });

  it("fetches little of a partition that is paused, however much waits in it", async () => {
    let fetchedBytes = 0;
    const proxy = await openKafkaProxy(({ length }) => {
      fetchedBytes += length;
    });
    const topic = await test.makeTopic(2);
    for (let n = 0; n < 30; n += 1) await test.send(topic, ["x".repeat(900_000)]);
    const reader = await test.open({ topics: [topic], brokers: [proxy.address] });
    reader.onMessages = (partition) => reader.source.pause(partition);
    await reader.has(1);
    for (let n = 1; n <= 20; n += 1) {
      reader.source.resume(`${topic}:1`);
      await test.send(topic, [`${n}`], { partition: 1 });
      await until("the other partition is read", () => reader.values(`${topic}:1`).length === n);
    }
    assert.ok(fetchedBytes < 3_000_000, `${fetchedBytes} bytes`);
    assert.equal(reader.values(`${topic}:0`).length, 1);
    await reader.source.close();
    await proxy.close();
  });

  it("tells how many messages wait in a partition, also of one that is paused", async () => {
    const topic = await test.makeTopic();
    const reader = await test.open({ topics: [topic] });
    const waiting = () => reader.source.waiting(`${topic}:0`);
    assert.equal(reader.source.waiting(`${topic}:7`), null);
    await until("it is empty", () => waiting() === 0);
    let seen: number | null = null;
    reader.onMessages = (partition) => {
      seen ??= waiting();
      reader.source.pause(partition);
    };
    await test.send(topic, numbered(1_000));
    await reader.has(1);
    assert.equal(seen, 1_000 - reader.messages.length);
    await test.send(topic, numbered(500));
    await until("it is told anew", () => waiting() === 1_500 - reader.messages.length);
  });

  it("reads what transactions committed and not what they aborted, mixed as they are", async () => {
    const topic = await test.makeTopic();
    const producers = numbered(2).map(
      () =>
        new Producer({
          clientId: "test",
          bootstrapBrokers: [kafka ?? ""],
          serializers: stringSerializers,
          idempotent: true,
          transactionalId: randomUUID(),
        }),
    );
    const [one, other] = producers as [(typeof producers)[0], (typeof producers)[0]]; // two, as it says above
    const messages = (...values: string[]) => ({ messages: values.map((value) => ({ topic, partition: 0, value })) });
    await test.send(topic, ["plain 0"]);
    const [aborted, kept] = [await one.beginTransaction(), await other.beginTransaction()];
    await aborted.send(messages("aborted 0", "aborted 1"));
    await kept.send(messages("kept 0"));
    await test.send(topic, ["plain 1"]);
    await aborted.send(messages("aborted 2"));
    await kept.send(messages("kept 1"));
    await aborted.abort();
    await kept.commit();
    const next = await one.beginTransaction();
    await next.send(messages("kept 2"));
    await next.commit();
    const last = await one.beginTransaction();
    await last.send(messages("aborted 3"));
    await last.abort();
    await test.send(topic, ["plain 2"]);
    const reader = await test.open({ topics: [topic] });
    await reader.has(6);
    assert.deepEqual(reader.values(), ["plain 0", "kept 0", "plain 1", "kept 1", "kept 2", "plain 2"]);
    await until("nothing waits", () => reader.source.waiting(`${topic}:0`) === 0);
    for (const producer of producers) await producer.close();
  });

  it("reads on at what is still kept where the log has been cut off behind what was committed", async () => {
    const topic = await test.makeTopic();
    const group = randomUUID();
    await test.send(topic, numbered(10));
    const first = await test.open({ topics: [topic], group });
    await first.has(10);
    await first.source.commit(`${topic}:0`, 2);
    await first.source.close();
    await test.admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 7n }] }] });
    const second = await test.open({ topics: [topic], group });
    await second.has(3);
    assert.deepEqual(second.values(), numbered(3, "", 7));
  });

  it("fails a partition whose topic was made anew under it, and reads it from its start when it is opened again", async () => {
    const topic = await test.makeTopic();
    const group = randomUUID();
    await test.send(topic, numbered(10));
    const first = await test.open({ topics: [topic], group });
    await first.has(10);
    await first.source.commit(`${topic}:0`, 10);
    await test.admin.deleteTopics({ topics: [topic] });
    await until("it is gone", async () => !(await test.admin.listTopics()).includes(topic));
    await makeTopic(test.admin, topic, 1);
    await test.send(topic, ["anew"]);
    await until("it is failed", () => first.failed.length > 0);
    assert.match(first.failed[0] ?? "", /its topic was made anew: start the flow anew/);
    assert.deepEqual(first.values(), numbered(10));
    await first.source.close();
    const second = await test.open({ topics: [topic], group });
    await second.has(1);
    assert.deepEqual(second.values(), ["anew"]);
  });

  it("fails a partition whose batch cannot be read, and goes on with the others", async () => {
    const compressed = 7; // a code that no compression has
    const valueOffset = 67; // of a batch of one small record without key
    let poisoned = 0;
    const proxy = await openKafkaProxy((bytes) => {
      const found = bytes.indexOf("poison");
      if (found < 0) return;
      bytes[found - valueOffset + 22] = compressed;
      poisoned += 1;
    });
    const topic = await test.makeTopic(10);
    await test.send(topic, ["poison"], { partition: 1 });
    for (const partition of [0, 2]) await test.send(topic, numbered(5), { partition });
    const reader = await test.open({ topics: [topic], brokers: [proxy.address] });
    await reader.has(10);
    await until("it is failed", () => reader.failed.length > 0);
    assert.match(reader.failed.join(), new RegExp(`^${topic}:1: Unsupported compression`));
    assert.equal(poisoned, 2, "once among others, once alone");
    await test.send(topic, ["later"]);
    await reader.has(11);
    await reader.source.close();
    await proxy.close();
  });

  it("fails a partition whose batch is not taken, and passes nothing of it over", async () => {
    const topic = await test.makeTopic();
    await test.send(topic, numbered(5));
    const reader = await test.open({ topics: [topic] });
    reader.onMessages = () => {
      throw new Error("no room");
    };
    await until("it is failed", () => reader.failed.length > 0);
    assert.deepEqual(reader.failed, [`${topic}:0: no room`]);
  });

  it("finds its cluster by those that it has come to know when those of its settings are gone", async () => {
    const signpost = await openTcpProxy(`kafka://${kafka}`);
    const topic = await test.makeTopic();
    const group = randomUUID();
    const reader = await test.open({ topics: [topic], group, brokers: [new URL(signpost.url).host] });
    await until("it reads", () => reader.source.waiting(`${topic}:0`) === 0);
    await signpost.close();
    await test.admin.removeMembersFromConsumerGroup({ groupId: group, members: null });
    await until("it has joined again", () => reader.assigned.length === 2);
    await test.send(topic, ["later"]);
    await reader.has(1);
  });

  it("refuses the start when its group is another program's", async () => {
    const topic = await test.makeTopic();
    const group = randomUUID();
    const other = new Consumer({ clientId: "test", groupId: group, bootstrapBrokers: [kafka ?? ""] });
    other.topics.track(topic);
    await other.joinGroup();
    await assert.rejects(
      test.open({ topics: [topic], group }),
      new RegExp(
        `^SetupError: Cannot use source of flow "orbits": cannot join group "${group}" at .*see that no other`,
      ),
    );
    await other.close();
  });

  it("refuses the start without its topics and says which", async () => {
    const topic = await test.makeTopic();
    const missing = `test-${randomUUID()}`;
    await assert.rejects(
      test.open({ topics: [topic, missing] }),
      new RegExp(`^SetupError: Cannot use source of flow "orbits": there is no topic "${missing}" at .*: create it`),
    );
  });

  it("reads on by itself when the broker comes back, without loss and with its partitions kept", async () => {
    const proxy = await openKafkaProxy();
    const topic = await test.makeTopic();
    await test.send(topic, numbered(100));
    const reader = await test.open({ topics: [topic], brokers: [proxy.address] });
    await reader.has(100);
    for (const round of [1, 2, 3]) {
      await proxy.cut();
      await test.send(topic, numbered(100, "", round * 100));
      await assert.rejects(reader.source.commit(`${topic}:0`, round * 100));
      await proxy.restore();
      await reader.has((round + 1) * 100);
    }
    // A broker that says nothing any more is left for a new connection.
    proxy.freeze();
    await test.send(topic, numbered(100, "", 400));
    await reader.has(500);
    assert.deepEqual(reader.values(), numbered(500));
    await until("it commits again", () =>
      reader.source.commit(`${topic}:0`, 500).then(
        () => true,
        () => false,
      ),
    );
    assert.deepEqual([reader.assigned, reader.revoked, reader.failed], [[`${topic}:0`], [], []]);
    await reader.source.close();
    await proxy.close();
  });

  it("closes in a moment with a broker that is gone or says nothing, in the middle of reading", async () => {
    const topic = await test.makeTopic();
    await test.send(topic, numbered(10_000));
    for (const how of ["gone", "frozen", "mute"] as const) {
      const proxy = await openKafkaProxy();
      const reader = await test.open({ topics: [topic], brokers: [proxy.address] });
      await reader.has(1);
      if (how === "frozen") proxy.freeze();
      else await proxy.cut();
      const mute = createServer((socket) => void socket.on("error", () => {}).resume());
      if (how === "mute")
        await new Promise<void>((resolve) => mute.listen(Number(proxy.address.split(":")[1]), "127.0.0.1", resolve));
      const count = reader.messages.length;
      const beganMs = performance.now();
      await reader.source.close();
      assert.ok(performance.now() - beganMs < 2_000, how);
      await assert.rejects(reader.source.commit(`${topic}:0`, 1), /closed/);
      assert.equal(reader.messages.length, count);
      await reader.source.close();
      await proxy.close();
      mute.close();
    }
  });

  it("can be closed while it opens", async () => {
    const topic = await test.makeTopic();
    const source = test.create({ topics: [topic], group: randomUUID() });
    const opening = source.open(nobody);
    await source.close();
    await assert.rejects(opening, /^AwayError: Cannot use source/);
  });

  it("reads over TLS from who has a certificate of that name, by an authority that it trusts", {
    skip: hasOpenssl ? false : "openssl is not installed",
  }, async () => {
    const topic = await test.makeTopic();
    await test.send(topic, ["secret"]);
    const here = await openTlsProxy(folder, "source", "DNS:localhost,IP:127.0.0.1");
    const brokers = [`localhost:${here.port}`];
    const reader = await test.open({ topics: [topic], brokers, tls: true, ca_file: "source.pem" });
    await reader.has(1);
    await assert.rejects(
      test.open({ topics: [topic], brokers, tls: true }),
      /^SetupError: Cannot use source of flow "orbits": .*self[- ]signed/,
    );
    await assert.rejects(
      test.open({ topics: [topic], ca_file: "source.pem" }),
      /Cannot use source of flow "orbits": its ca_file needs tls: true/,
    );
    await reader.source.close();
    await here.close();
  });
});

/** Several Kafka sources of one group: how partitions pass from one to the other, and who may still commit. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { createPartition, type Partition } from "../src/flow/partition.ts";
import type { Pipeline } from "../src/flow/pipeline.ts";
import { kafka, openKafkaProxy } from "./support/kafka.ts";
import { type KafkaTest, numbered, openKafkaTest, type Reader } from "./support/kafka-source.ts";
import { until } from "./support/signal.ts";

const folder = mkdtempSync(join(tmpdir(), "orrery-kafka-"));
after(() => rmSync(folder, { recursive: true }));

describe("Kafka sources of one group", { skip: kafka === undefined }, () => {
  let test: KafkaTest;
  before(async () => {
    test = await openKafkaTest(folder);
  });
  after(() => test.close());

  /** What it reads: given and not taken since. */
  const owned = ({ assigned, revoked }: Reader): string[] =>
    assigned
      .filter((name, at) => assigned.lastIndexOf(name) === at && countOf(assigned, name) > countOf(revoked, name))
      .sort();
  const countOf = (names: readonly string[], name: string) => names.filter((one) => one === name).length;
  const namesOf = (topic: string, count: number) => numbered(count, `${topic}:`);

  it("hand over only what moves, while what stays is read on, and commit it before its next reader starts", async () => {
    const topic = await test.makeTopic(4);
    const group = randomUUID();
    for (const partition of [0, 1, 2, 3]) await test.send(topic, numbered(10), { partition });
    const first = await test.open({ topics: [topic], group });
    await first.has(40);
    const draining = Promise.withResolvers<void>();
    first.onRevoked = async (name) => {
      await draining.promise;
      await first.source.commit(name, 6);
    };
    const second = await test.open({ topics: [topic], group });
    await until("two are to move", () => first.revoked.length === 2);
    const moved = [...first.revoked].sort();
    const kept = namesOf(topic, 4).filter((name) => !moved.includes(name));

    // The two are held up here: the others go on, and may commit.
    for (const partition of [0, 1, 2, 3]) await test.send(topic, ["later"], { partition });
    await until("those that stay are read", () => kept.every((name) => first.values(name).includes("later")));
    for (const name of kept) await first.source.commit(name, 11);
    assert.deepEqual([first.assigned.length, second.assigned], [4, []]);
    assert.deepEqual(
      moved.filter((name) => first.values(name).includes("later")),
      [],
      "nothing of what was revoked",
    );

    draining.resolve();
    await until("the other has them", () => owned(second).length === 2);
    await second.has(10);
    for (const name of moved) assert.deepEqual(second.values(name), [...numbered(4, "", 6), "later"]);
    assert.deepEqual([owned(first), owned(second)], [kept, moved]);
    assert.deepEqual([[...first.assigned].sort(), first.revoked.length, second.revoked], [namesOf(topic, 4), 2, []]);

    // Whoever has given one up cannot put its next reader back.
    for (const name of moved) {
      await assert.rejects(first.source.commit(name, 1), /passed to another reader/);
      assert.equal(await test.committed(group, topic, Number(name.slice(-1))), 6);
    }

    await second.source.close();
    await until("it has all again", () => owned(first).length === 4);
    assert.deepEqual(owned(first), namesOf(topic, 4));
    for (const name of kept) assert.equal(countOf(first.assigned, name), 1, "it kept them all the time");
  });

  it("wait only so long for who does not give a partition up", async () => {
    const topic = await test.makeTopic(2);
    const group = randomUUID();
    const first = await test.open({ topics: [topic], group });
    await until("it has both", () => owned(first).length === 2);
    first.onRevoked = () => new Promise(() => {});
    const beganMs = performance.now();
    const second = await test.open({ topics: [topic], group });
    await until("the other has one", () => owned(second).length === 1);
    const tookMs = performance.now() - beganMs;
    assert.ok(tookMs > 4_000 && tookMs < 12_000, `${tookMs} ms`);
    assert.equal(owned(first).length, 1);
  });

  it("reject what an expelled member commits, tell it that it has lost its partitions, and take it in again", async () => {
    const topic = await test.makeTopic(2);
    const group = randomUUID();
    await test.send(topic, numbered(10));
    const reader = await test.open({ topics: [topic], group });
    await reader.has(10);
    await reader.source.commit(`${topic}:0`, 3);
    const commits: Promise<void>[] = [];
    reader.onRevoked = async (name) => {
      const committing = reader.source.commit(name, 9);
      commits.push(committing);
      await committing;
    };
    await test.admin.removeMembersFromConsumerGroup({ groupId: group, members: null });
    await assert.rejects(reader.source.commit(`${topic}:0`, 8));
    assert.equal(await test.committed(group, topic), 3);
    await until("it has them anew", () => reader.assigned.length === 4);
    assert.deepEqual([reader.revoked.length, commits.length], [2, 2]);
    for (const committing of commits) await assert.rejects(committing, /passed to another reader/);
    await reader.has(17);
    assert.deepEqual(reader.values(), [...numbered(10), ...numbered(7, "", 3)]);
    await reader.source.commit(`${topic}:0`, 10);
    assert.equal(await test.committed(group, topic), 10);
  });

  it("take over from one that is cut off, which then is told that it has lost all", async () => {
    const proxy = await openKafkaProxy();
    const topic = await test.makeTopic(2);
    const group = randomUUID();
    const first = await test.open({ topics: [topic], group, brokers: [proxy.address] });
    await until("it has both", () => owned(first).length === 2);
    await proxy.cut();
    const second = await test.open({ topics: [topic], group });
    await until("the other has both", () => owned(second).length === 2);
    await test.send(topic, numbered(5));
    await second.has(5);
    await second.source.commit(`${topic}:0`, 5);
    const rejected: Promise<void>[] = [];
    first.onRevoked = async (name) => {
      const committing = first.source.commit(name, 1);
      rejected.push(committing);
      await committing;
    };
    await proxy.restore();
    await until("it is told", () => first.revoked.length >= 2);
    for (const committing of rejected) await assert.rejects(committing);
    assert.ok((await test.committed(group, topic)) === 5);
    await until("they share", () => owned(first).length === 1 && owned(second).length === 1);
    await first.source.close();
    await proxy.close();
  });

  it("pass partitions on soon when one is closed, also in the middle of a join", async () => {
    const topic = await test.makeTopic(3);
    const group = randomUUID();
    const [first, second] = [await test.open({ topics: [topic], group }), await test.open({ topics: [topic], group })];
    await until("they share", () => owned(first).length + owned(second).length === 3 && owned(second).length > 0);
    const third = test.create({ topics: [topic], group });
    const opening = third.open({ assigned() {}, async revoked() {}, messages() {}, failed() {} });
    const beganMs = performance.now();
    await Promise.all([first.source.close(), third.close(), opening.catch(() => undefined)]);
    await until("the other has all", () => owned(second).length === 3);
    assert.ok(performance.now() - beganMs < 8_000);
  });

  it("lose and repeat nothing of what is committed, however many come and go", async () => {
    const topic = await test.makeTopic(6);
    const group = randomUUID();
    const seen = new Map<string, number[]>();
    const open = async () => {
      const reader = await test.open({ topics: [topic], group });
      const next = new Map<string, number>();
      reader.onMessages = (name, batch) => {
        seen.set(name, [...(seen.get(name) ?? []), ...batch.map(({ offset }) => offset)]);
        next.set(name, (batch.at(-1)?.offset ?? 0) + 1);
      };
      reader.onRevoked = async (name) => {
        const upTo = next.get(name);
        if (upTo !== undefined) await reader.source.commit(name, upTo);
      };
      return reader;
    };
    const readers = [await open()];
    for (let round = 0; round < 5; round += 1) {
      for (let partition = 0; partition < 6; partition += 1) await test.send(topic, numbered(50), { partition });
      readers.push(await open());
    }
    const count = () => [...seen.values()].reduce((sum, offsets) => sum + offsets.length, 0);
    await until("all is read", () => count() >= 1_500);
    await until("they share", () => readers.every((reader) => owned(reader).length === 1));
    for (let partition = 0; partition < 6; partition += 1)
      assert.deepEqual(
        seen.get(`${topic}:${partition}`),
        Array.from({ length: 250 }, (_, n) => n),
      );
  });

  it("serve partitions with windows that fill and drain: every message is done, and all is committed in the end", async () => {
    const [topic, group] = [await test.makeTopic(4), randomUUID()];
    const done = new Map<string, number>();
    const open = async () => {
      const partitions = new Map<string, Partition>();
      const source = test.create({ topics: [topic], group });
      const pipeline: Pipeline = {
        async run(batch, { done: confirm }) {
          await new Promise((resolve) => setImmediate(resolve));
          for (const message of [...batch].reverse()) {
            const key = `${message.partition} ${message.id}`;
            done.set(key, (done.get(key) ?? 0) + 1);
            confirm(message);
          }
        },
      };
      const policy = { windowMax: 100, batchMax: 7, commitMs: 10 };
      await source.open({
        assigned: (name) =>
          void partitions.set(
            name,
            createPartition({ name, source, pipeline, policy, isPaused: false, log: { warn() {} } }),
          ),
        async revoked(name) {
          const partition = partitions.get(name);
          partitions.delete(name);
          await partition?.drain(1_000);
        },
        messages: (name, batch) => partitions.get(name)?.take(batch),
        failed: (name, reason) => partitions.get(name)?.fail(reason),
      });
      return async () => {
        await Promise.all([...partitions.values()].map((partition) => partition.drain(1_000)));
        await source.close();
      };
    };
    const closes = [await open()];
    for (let round = 0; round < 3; round += 1) {
      for (let partition = 0; partition < 4; partition += 1) await test.send(topic, numbered(2_000), { partition });
      closes.push(await open());
    }
    await closes[0]?.();
    await until("every message is done", () => done.size === 24_000);
    for (let partition = 0; partition < 4; partition += 1)
      await until("all is committed", async () => (await test.committed(group, topic, partition)) === 6_000);
    const repeated = [...done.values()].filter((times) => times > 1).length;
    assert.equal(repeated, 0);
    await Promise.all(closes.map((close) => close()));
  });

  it("find partitions that a topic has been given since", async () => {
    const topic = await test.makeTopic(1);
    const reader = await test.open({ topics: [topic] });
    await test.admin.createPartitions({ topics: [{ name: topic, count: 3, assignments: null }] });
    await until("it has them", () => owned(reader).length === 3, 60_000);
    assert.deepEqual(reader.revoked, []);
  });
});

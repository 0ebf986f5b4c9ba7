import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { IS_CONTROL, IS_TRANSACTIONAL, type KafkaRecord, type RecordsBatch } from "@platformatic/kafka";
import { messagesOf } from "./kafka-records.ts";

const source = { flow: "orbits", partition: "t:0" };

const record = (offsetDelta: number, more: Partial<KafkaRecord> = {}): KafkaRecord => ({
  length: 0,
  attributes: 0,
  timestampDelta: BigInt(offsetDelta),
  offsetDelta,
  key: null,
  value: Buffer.from(`v${offsetDelta}`),
  headers: [],
  ...more,
});

const batch = (firstOffset: number, records: KafkaRecord[], more: Partial<RecordsBatch> = {}): RecordsBatch => ({
  firstOffset: BigInt(firstOffset),
  length: 0,
  partitionLeaderEpoch: 0,
  magic: 2,
  crc: 0,
  attributes: 0,
  lastOffsetDelta: records.at(-1)?.offsetDelta ?? 0,
  firstTimestamp: 1_000n,
  maxTimestamp: 5_000n,
  producerId: -1n,
  producerEpoch: 0,
  firstSequence: 0,
  records,
  ...more,
});
const inTransaction = (firstOffset: number, producerId: bigint) =>
  batch(firstOffset, [record(0)], { producerId, attributes: IS_TRANSACTIONAL });
const marker = (firstOffset: number, producerId: bigint, kind: 0 | 1) =>
  batch(firstOffset, [record(0, { key: Buffer.from([0, 0, 0, kind]) })], {
    producerId,
    attributes: IS_TRANSACTIONAL | IS_CONTROL,
  });

const read = (records: RecordsBatch[], fromOffset = 0, aborted: [bigint, number][] = []) => {
  const abortedTransactions = aborted.map(([producerId, first]) => ({ producerId, firstOffset: BigInt(first) }));
  const { messages, nextOffset } = messagesOf(source, { records, abortedTransactions }, fromOffset);
  return { messages, offsets: messages.map(({ offset }) => offset), nextOffset };
};

describe("what a broker has of a partition", () => {
  it("is read from the offset on that was asked for, across what compaction left out", () => {
    const batches = [batch(10, [record(0), record(3), record(4)]), batch(20, [], { lastOffsetDelta: 9 })];
    const { offsets, nextOffset } = read(batches, 13);
    assert.deepEqual([offsets, nextOffset], [[13, 14], 30]);
    assert.deepEqual(read([]), { messages: [], offsets: [], nextOffset: null });
  });

  it("holds what transactions committed and not what they aborted, one producer's after another", () => {
    const batches = [
      inTransaction(0, 7n),
      inTransaction(1, 8n),
      batch(2, [record(0)]),
      marker(3, 7n, 0),
      inTransaction(4, 7n),
      marker(5, 7n, 1),
      inTransaction(6, 7n),
      marker(7, 8n, 1),
      marker(8, 7n, 0),
    ];
    const aborted: [bigint, number][] = [
      [7n, 6],
      [7n, 0],
    ];
    assert.deepEqual(read(batches, 0, aborted).offsets, [1, 2, 4]);
    // The fetch began in the middle of one, or ended before its marker.
    assert.deepEqual(read(batches.slice(6, 7), 6, aborted.slice(0, 1)).offsets, []);
    assert.deepEqual(read(batches, 9, aborted), { messages: [], offsets: [], nextOffset: 9 });
  });

  it("is a message as its sender wrote it, with the time that the topic keeps", () => {
    const headers: KafkaRecord["headers"] = [
      [Buffer.from("kind"), Buffer.from("first")],
      [Buffer.from("kind"), Buffer.from("orbit")],
      [Buffer.from("none"), null],
      [Buffer.from("__proto__"), Buffer.from([0xff, 0x61])],
    ];
    const one = record(2, { key: Buffer.from("ü"), headers });
    const [message] = read([batch(5, [one])]).messages;
    assert.deepEqual(message, {
      ...source,
      id: "7",
      offset: 7,
      key: "ü",
      value: Buffer.from("v2"),
      timestampMs: 1_002,
      headers: Object.fromEntries([
        ["kind", "orbit"],
        ["none", ""],
        ["__proto__", "\ufffda"],
      ]),
    });
    assert.equal(read([batch(5, [one], { attributes: 8 })]).messages[0]?.timestampMs, 5_000);
    const beganMs = Date.now();
    const [timeless] = read([batch(0, [record(0)], { firstTimestamp: -1n })]).messages;
    assert.ok((timeless?.timestampMs ?? 0) >= beganMs);
    const [tombstone] = read([batch(0, [record(0, { key: Buffer.from("k"), value: null })])]).messages;
    assert.deepEqual([tombstone?.key, tombstone?.value.length], ["k", 0]);
  });

  it("cannot be read in the form of brokers before 2017", () => {
    assert.throws(() => read([batch(0, [record(0)], { magic: 1 })]), /old form 1/);
  });
});

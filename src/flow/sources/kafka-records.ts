/** What a broker has of a partition, as a flow's messages: without what was aborted, and without what brokers write for themselves. */
import { type fetchV17, IS_CONTROL, IS_TRANSACTIONAL, type KafkaRecord, type RecordsBatch } from "@platformatic/kafka";
import type { Message } from "../message.ts";

type Fetched = Pick<fetchV17.FetchResponsePartition, "records" | "abortedTransactions">;

export interface Read {
  readonly messages: Message[];
  /** Where to fetch on; null: there was nothing at all. Behind the last message where aborted or compacted ones follow it. */
  readonly nextOffset: number | null;
}

/** The only form that brokers since 2017 write. */
const magic = 2;
/** The broker wrote down when it took the batch: its sender's times do not count. */
const isAppendTime = 1 << 3;
const abortMarker = 0;

/** A batch may begin before `fromOffset`: what lies there has been read. Throws on a batch of another form. */
export function messagesOf(
  { flow, partition }: Pick<Message, "flow" | "partition">,
  { records: batches = [], abortedTransactions }: Fetched,
  fromOffset: number,
): Read {
  const isAborted = abortedBatches(abortedTransactions);
  const messages: Message[] = [];
  let nextOffset: number | null = null;
  for (const batch of batches) {
    if (batch.magic !== magic) throw new Error(`it holds batches of the old form ${batch.magic}`);
    const first = Number(batch.firstOffset);
    nextOffset = first + batch.lastOffsetDelta + 1;
    if (isAborted(batch) || batch.attributes & IS_CONTROL) continue;
    for (const record of batch.records) {
      const offset = first + record.offsetDelta;
      if (offset < fromOffset) continue;
      messages.push({
        flow,
        partition,
        id: String(offset),
        offset,
        key: record.key === null ? null : record.key.toString(),
        // A tombstone has no value at all: it comes as an empty one.
        value: record.value ?? new Uint8Array(),
        timestampMs: timeOf(batch, record),
        headers: headersOf(record.headers),
      });
    }
  }
  return { messages, nextOffset };
}

/** Of each batch in order, whether its transaction was aborted: a producer's are, from the first offset of one until its marker. */
function abortedBatches(transactions: Fetched["abortedTransactions"]): (batch: RecordsBatch) => boolean {
  const waiting = [...transactions].sort((a, b) => Number(a.firstOffset - b.firstOffset));
  const aborted = new Set<bigint>();
  return (batch) => {
    const last = batch.firstOffset + BigInt(batch.lastOffsetDelta);
    for (let [next] = waiting; next !== undefined && next.firstOffset <= last; [next] = waiting) {
      aborted.add(next.producerId);
      waiting.shift();
    }
    if (batch.attributes & IS_CONTROL) {
      // A marker's key: its version, then its kind.
      if (batch.records[0]?.key?.readInt16BE(2) === abortMarker) aborted.delete(batch.producerId);
      return false;
    }
    return (batch.attributes & IS_TRANSACTIONAL) !== 0 && aborted.has(batch.producerId);
  };
}

function timeOf({ attributes, firstTimestamp, maxTimestamp }: RecordsBatch, { timestampDelta }: KafkaRecord): number {
  const timestampMs = Number(attributes & isAppendTime ? maxTimestamp : firstTimestamp + timestampDelta);
  return timestampMs < 0 ? Date.now() : timestampMs;
}

const none = Object.freeze({});

/** Of two of one name the last one. */
function headersOf(headers: KafkaRecord["headers"]): Record<string, string> {
  if (headers.length === 0) return none;
  return Object.fromEntries(headers.map(([name, value]) => [name?.toString() ?? "", value?.toString() ?? ""]));
}

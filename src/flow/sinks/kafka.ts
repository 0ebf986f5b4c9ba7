/**
 * Writes payloads to a Kafka topic as JSON, acknowledged by all in-sync replicas, with the headers `idempotency-key` and `flow`. At least once:
 * what a broker took without being able to say so, or took in part, is written again, and a reader that minds knows it by its `idempotency-key`.
 */
import { compatibilityPartitioner, type MessageToProduce, Producer, stringSerializers } from "@platformatic/kafka";
import * as v from "valibot";
import { abortable } from "../../compute/abortable.ts";
import { cluster, connectionOf, type KafkaConnection, optionsOf, topicName } from "../kafka/connection.ts";
import { hasApiCode, reasonOf } from "../kafka/errors.ts";
import { flowOf } from "../message.ts";
import type { Delivery, Outcome, Sink } from "../sink.ts";
import { checkTopic, retry } from "./kafka-topic.ts";
import { notJson, payloadJson } from "./payload-json.ts";
import { cannotUse, type SinkParts } from "./setup.ts";
import { keyOf, keyTemplate } from "./template.ts";

export const kafkaSink = v.strictObject({
  kind: v.literal("kafka"),
  ...cluster,
  topic: topicName,
  /** Payloads of one key go to one partition, the one that Java's clients choose. Absent: to each in turn. */
  key: v.optional(keyTemplate),
  /** Makes a missing topic at start, with the cluster's own default of partitions and replicas. */
  create_topic: v.optional(v.boolean()),
});

export type KafkaSinkConfig = v.InferOutput<typeof kafkaSink>;

type Message = MessageToProduce<string, string, string, string>;

interface Item {
  readonly index: number;
  readonly message: Message;
  readonly sizeBytes: number;
}

/** A broker takes 1 MiB for each partition of a request unless it is told otherwise; what is larger alone is sent alone. */
const requestBytesMax = 1_000_000;
/** What a record has beside its key, value and headers, at most. */
const recordBytes = 64;
const closeMs = 2_000;
/** MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE, INVALID_RECORD: it is the messages' fault, and trying again would fail alike. */
const faultCodes = [10, 18, 87];

export function createKafkaSink(name: string, config: KafkaSinkConfig, parts: SinkParts): Sink {
  let connection: KafkaConnection | null = null;
  let producer: Producer<string, string, string, string> | null = null;

  const createProducer = (to: KafkaConnection) =>
    new Producer<string, string, string, string>({
      ...optionsOf(to),
      ...retry,
      serializers: stringSerializers,
      // The library's own tries again of one send are known to the broker by their sequence numbers.
      idempotent: true,
      ...(config.key !== undefined && { partitioner: compatibilityPartitioner }),
    });

  async function closeProducer(): Promise<void> {
    const closing = producer;
    producer = null;
    if (closing !== null) await abortable(closing.close(), AbortSignal.timeout(closeMs)).catch(() => undefined);
  }

  async function send(items: readonly Item[], signal: AbortSignal): Promise<void> {
    if (connection === null) throw new Error("the sink has not been checked");
    producer ??= createProducer(connection);
    try {
      await abortable(producer.send({ messages: items.map(({ message }) => message) }), signal);
    } catch (error) {
      // It would give the sequence numbers of a send that failed to the next one, though a part may have been written under
      // them: the broker would drop other messages as repetitions, and say that it has them. A new producer starts anew.
      void closeProducer();
      throw error;
    }
  }

  /** Notes an outcome for each that the broker has taken or refused; throws when it did neither. */
  async function sendAll(items: readonly Item[], outcomes: Map<number, Outcome>, signal: AbortSignal): Promise<void> {
    const waiting = requestsOf(items);
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      try {
        await send(next, signal);
        for (const { index } of next) outcomes.set(index, { kind: "ok" });
      } catch (error) {
        if (!hasApiCode(error, faultCodes)) throw error;
        const half = Math.ceil(next.length / 2);
        // Together they were too large, or one of them spoils it for the others.
        if (next.length > 1) waiting.unshift(next.slice(0, half), next.slice(half));
        else for (const { index } of next) outcomes.set(index, { kind: "refused", reason: reasonOf(error) });
      }
    }
  }

  return {
    async check() {
      connection = connectionOf(cannotUse(name), config, parts);
      await checkTopic(name, config, connection);
    },
    async deliver(batch, signal) {
      const outcomes = new Map<number, Outcome>();
      const items: Item[] = [];
      for (const [index, delivery] of batch.entries()) {
        const found = itemOf(config, delivery, index);
        if ("kind" in found) outcomes.set(index, found);
        else items.push(found);
      }
      try {
        await sendAll(items, outcomes, signal);
      } catch (error) {
        const reason = reasonOf(error);
        if (!items.some(({ index }) => outcomes.has(index))) throw new Error(reason, { cause: error });
        for (const { index } of items) if (!outcomes.has(index)) outcomes.set(index, { kind: "retry", reason });
      }
      return batch.map((_, index) => outcomes.get(index) ?? { kind: "retry", reason: "it was not sent" });
    },
    close: closeProducer,
  };
}

function itemOf(config: KafkaSinkConfig, delivery: Delivery, index: number): Item | Outcome {
  const value = payloadJson(delivery.payload);
  if (value === null) return notJson;
  const found = config.key === undefined ? null : keyOf(config.key, delivery.payload);
  if (found !== null && "flaw" in found) return { kind: "refused", reason: found.flaw };
  const headers = { "idempotency-key": delivery.key, flow: flowOf(delivery.key) };
  const message: Message = { topic: config.topic, value, headers, ...(found !== null && { key: found.key }) };
  const texts = [value, found?.key ?? "", ...Object.entries(headers).flat()];
  return { index, message, sizeBytes: texts.reduce((sum, text) => sum + Buffer.byteLength(text), recordBytes) };
}

/** In order, each as large as a broker takes. */
function requestsOf(items: readonly Item[]): (readonly Item[])[] {
  const requests: Item[][] = [];
  let sizeBytes = Number.POSITIVE_INFINITY;
  for (const item of items) {
    sizeBytes += item.sizeBytes;
    if (sizeBytes > requestBytesMax) {
      requests.push([]);
      sizeBytes = item.sizeBytes;
    }
    requests.at(-1)?.push(item);
  }
  return requests;
}

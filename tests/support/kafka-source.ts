/** A source of Kafka with a listener that notes what it is told, and what tests need beside it: topics, messages, offsets. */
import { randomUUID } from "node:crypto";
import { Admin, type MessageToProduce, Producer, stringSerializers } from "@platformatic/kafka";
import type { Message } from "../../src/flow/message.ts";
import type { Source } from "../../src/flow/source.ts";
import { createKafkaSource, type KafkaSourceConfig } from "../../src/flow/sources/kafka.ts";
import { kafka, makeTopic } from "./kafka.ts";
import { until } from "./signal.ts";

const clientId = "test";

/** What its listener was told, in order of each kind. */
export interface Reader {
  readonly source: Source;
  readonly messages: Message[];
  readonly assigned: string[];
  readonly revoked: string[];
  readonly failed: string[];
  /** Called as a batch comes, and as a partition is revoked. */
  onMessages: (partition: string, batch: readonly Message[]) => void;
  onRevoked: (partition: string) => Promise<void>;
  values(partition?: string): string[];
  /** Waits for so many messages. */
  has(count: number): Promise<void>;
}

export const textOf = ({ value }: Message): string =>
  typeof value === "string" ? value : new TextDecoder().decode(value);
/** `a0`, `a1` and so on. */
export const numbered = (count: number, prefix = "", from = 0): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}${from + n}`);

export async function openKafkaTest(folder: string) {
  const bootstrapBrokers = [kafka ?? ""];
  const admin = new Admin({ clientId, bootstrapBrokers });
  const producer = new Producer({ clientId, bootstrapBrokers, serializers: stringSerializers });
  const topics: string[] = [];
  const sources: Source[] = [];
  /** Offsets of a group that has members can be asked for at any time. */
  const committed = async (group: string, topic: string, partition = 0): Promise<number> => {
    const [found] = await admin.listConsumerGroupOffsets({
      groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes: [partition] }] }],
    });
    return Number(found?.topics[0]?.partitions[0]?.committedOffset ?? -1n);
  };

  return {
    admin,
    committed,
    async makeTopic(partitions = 1, configs: { name: string; value: string }[] = []): Promise<string> {
      const topic = `test-${randomUUID()}`;
      topics.push(topic);
      await makeTopic(admin, topic, partitions, configs);
      return topic;
    },
    async send(
      topic: string,
      values: readonly string[],
      more: Partial<MessageToProduce<string, string, string, string>> = {},
    ) {
      await producer.send({ messages: values.map((value) => ({ topic, partition: 0, value, ...more })) });
    },
    /** Not opened yet. */
    create(config: Partial<KafkaSourceConfig> & Pick<KafkaSourceConfig, "topics">): Source {
      const whole = { kind: "kafka", brokers: bootstrapBrokers, group: "g", from: "earliest", ...config } as const;
      const source = createKafkaSource("orbits", whole, { configDir: folder, environment: {} });
      sources.push(source);
      return source;
    },
    async open(config: Partial<KafkaSourceConfig> & Pick<KafkaSourceConfig, "topics">): Promise<Reader> {
      const source = this.create({ group: randomUUID(), ...config });
      const reader: Reader = {
        source,
        messages: [],
        assigned: [],
        revoked: [],
        failed: [],
        onMessages: () => {},
        onRevoked: async () => {},
        values: (partition) =>
          reader.messages.filter((one) => partition === undefined || one.partition === partition).map(textOf),
        has: (count) => until(`${count} messages`, () => reader.messages.length >= count),
      };
      await source.open({
        assigned: (partition) => void reader.assigned.push(partition),
        revoked(partition) {
          reader.revoked.push(partition);
          return reader.onRevoked(partition);
        },
        messages(partition, batch) {
          reader.messages.push(...batch);
          reader.onMessages(partition, batch);
        },
        failed: (partition, { message }) => void reader.failed.push(`${partition}: ${message}`),
      });
      return reader;
    },
    async close(): Promise<void> {
      await Promise.all(sources.map((source) => source.close()));
      if (topics.length > 0) await admin.deleteTopics({ topics });
      await producer.close();
      await admin.close();
    },
  };
}

export type KafkaTest = Awaited<ReturnType<typeof openKafkaTest>>;

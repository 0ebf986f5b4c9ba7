/** A drill's own way to the broker: topics, sending until it is acknowledged, what a topic has, and what a group has left of it. */
import { randomUUID } from "node:crypto";
import { Admin, Consumer, ProduceAcks, Producer, stringDeserializers, stringSerializers } from "@platformatic/kafka";
import { makeTopic } from "../../tests/support/kafka.ts";

const clientId = "drill";
const sendMsMax = 120_000;

export interface TopicRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly value: string;
}

export function openTopics(kafka: string) {
  const bootstrapBrokers = [kafka];
  const admin = new Admin({ clientId, bootstrapBrokers, retries: 20 });
  const open = () =>
    new Producer({ clientId, bootstrapBrokers, serializers: stringSerializers, acks: ProduceAcks.ALL, timeout: 5_000 });
  let producer = open();

  async function endsOf(topic: string): Promise<ReadonlyMap<number, bigint>> {
    const consumer = new Consumer({ clientId, groupId: randomUUID(), bootstrapBrokers, retries: 20 });
    const offsets = await consumer.listOffsets({ topics: [topic] });
    await consumer.close();
    return new Map([...(offsets.get(topic) ?? [])].entries());
  }

  return {
    make: (topic: string, partitions: number) => makeTopic(admin, topic, partitions),

    /** Sends again until the broker has said that it has them: what it had without saying so it has twice. */
    async send(topic: string, values: readonly string[]): Promise<void> {
      const endMs = performance.now() + sendMsMax;
      for (;;) {
        try {
          await producer.send({ messages: values.map((value) => ({ topic, value })) });
          return;
        } catch (error) {
          if (performance.now() > endMs) throw error;
          void producer.close().catch(() => undefined);
          await new Promise((resolve) => setTimeout(resolve, 200));
          producer = open();
        }
      }
    },

    async read(topic: string): Promise<readonly TopicRecord[]> {
      const count = [...(await endsOf(topic)).values()].reduce((sum, end) => sum + Number(end), 0);
      if (count === 0) return [];
      const consumer = new Consumer({
        ...{ clientId, groupId: randomUUID(), bootstrapBrokers, retries: 20 },
        deserializers: stringDeserializers,
      });
      const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: false });
      const found: TopicRecord[] = [];
      for await (const { partition, offset, value } of stream) {
        found.push({ partition, offset, value });
        if (found.length >= count) break;
      }
      await stream.close();
      await consumer.close();
      return found;
    },

    /** Messages that a group has not committed. */
    async lagOf(group: string, topic: string): Promise<number> {
      const ends = await endsOf(topic);
      const partitionIndexes = [...ends.keys()];
      const [found] = await admin.listConsumerGroupOffsets({
        groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes }] }],
      });
      const committed = new Map(
        found?.topics[0]?.partitions.map((one) => [one.partitionIndex, Number(one.committedOffset)]),
      );
      return [...ends].reduce((sum, [index, end]) => sum + Number(end) - Math.max(0, committed.get(index) ?? 0), 0);
    },

    async close(): Promise<void> {
      await producer.close().catch(() => undefined);
      await admin.close().catch(() => undefined);
    },
  };
}

export type Topics = ReturnType<typeof openTopics>;

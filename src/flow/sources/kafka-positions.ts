/** Where a source starts to read its partitions, and where they end. */
import type { Broker } from "@platformatic/kafka";
import type { KafkaClient } from "../kafka/client.ts";
import { createCoordinator, lookUp } from "./kafka-cluster.ts";
import { partitionName, partitionsOf } from "./kafka-partition-name.ts";

const answerMs = 5_000;
const readUncommitted = 0;
const readCommitted = 1;
const latest = -1n;
const earliest = -2n;

export interface Leader {
  readonly broker: Broker;
  readonly topicId: string;
}

/** Partition → the offset, where it was answered. */
type Offsets = ReadonlyMap<string, number>;

export interface KafkaPositions {
  /** Of those that have one at the moment. */
  leaders(names: readonly string[]): Promise<ReadonlyMap<string, Leader>>;
  /** What the group has committed: the next offset to read. */
  committed(names: readonly string[]): Promise<Offsets>;
  /** The first offset that is still kept. */
  starts(broker: Broker, names: readonly string[]): Promise<Offsets>;
  /** Behind the last message that is not part of an open transaction. */
  ends(broker: Broker, names: readonly string[]): Promise<Offsets>;
  /** Behind the last message. */
  highWatermarks(broker: Broker, names: readonly string[]): Promise<Offsets>;
}

export function createKafkaPositions(client: KafkaClient, group: string): KafkaPositions {
  const coordinator = createCoordinator(client, group);

  async function offsets(broker: Broker, names: readonly string[], timestamp: bigint, isolation: number) {
    const wanted = [...partitionsOf(names)].map(([name, numbers]) => ({
      name,
      partitions: numbers.map((partitionIndex) => ({ partitionIndex, currentLeaderEpoch: -1, timestamp })),
    }));
    const { topics } = await client.ask("ListOffsets", broker, answerMs, -1, isolation, wanted);
    return new Map(
      topics.flatMap(({ name, partitions }) =>
        partitions
          .filter(({ errorCode }) => errorCode === 0)
          .map(({ partitionIndex, offset }) => [partitionName(name, partitionIndex), Number(offset)] as const),
      ),
    );
  }

  return {
    async leaders(names) {
      const { brokers, topics } = await lookUp(client, [...partitionsOf(names).keys()]);
      const addresses = new Map(brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
      const leaders = new Map<string, Leader>();
      for (const { name, topicId, partitions } of topics)
        for (const { partitionIndex, leaderId } of partitions) {
          const broker = addresses.get(leaderId);
          if (broker) leaders.set(partitionName(name ?? "", partitionIndex), { broker, topicId });
        }
      return leaders;
    },
    async committed(names) {
      const topics = [...partitionsOf(names)].map(([name, partitionIndexes]) => ({ name, partitionIndexes }));
      const wanted = [{ groupId: group, memberId: null, memberEpoch: -1, topics }];
      try {
        const { groups } = await client.ask("OffsetFetch", await coordinator.find(), answerMs, wanted, false);
        const found = groups.flatMap((one) => one.topics);
        return new Map(
          found.flatMap(({ name, partitions }) =>
            partitions
              .filter(({ committedOffset }) => committedOffset >= 0n)
              .map((one) => [partitionName(name, one.partitionIndex), Number(one.committedOffset)] as const),
          ),
        );
      } catch (error) {
        coordinator.forget();
        throw error;
      }
    },
    starts: (broker, names) => offsets(broker, names, earliest, readCommitted),
    ends: (broker, names) => offsets(broker, names, latest, readCommitted),
    highWatermarks: (broker, names) => offsets(broker, names, latest, readUncommitted),
  };
}

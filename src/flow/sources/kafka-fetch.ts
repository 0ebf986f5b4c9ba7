/** One fetch of what partitions have behind their positions, from the broker that leads them. */
import { type Broker, type fetchV17, ProtocolError, UnsupportedCompressionError } from "@platformatic/kafka";
import type { KafkaClient } from "../kafka/client.ts";
import { partitionOf } from "./kafka-partition-name.ts";
import type { Reading } from "./kafka-reading.ts";

/** How long a broker that has nothing new waits for something. */
const waitMs = 500;
/** The same while partitions are left out of the request: they are in none before the answer has come. */
const shortWaitMs = 20;
/** What an answer may have, and how long it may take. A single larger message comes all the same, alone. */
const bytesMax = 4 * 1024 * 1024;
const answerMs = 15_000;
const partitionBytesMax = 512 * 1024;
const readCommitted = 1;
const unknownEpoch = -1;

/** `isComplete`: all that the broker leads are among them. Each with its own error code. */
export async function fetchFrom(
  client: KafkaClient,
  broker: Broker,
  readings: readonly Reading[],
  isComplete: boolean,
): Promise<[Reading, fetchV17.FetchResponsePartition][]> {
  const topics = new Map<string, fetchV17.FetchRequestTopic>();
  const byPlace = new Map<string, Reading>();
  for (const one of readings) {
    if (one.leader === null || one.position === null) continue;
    const { topicId } = one.leader;
    const topic = topics.get(topicId) ?? { topicId, partitions: [] };
    topics.set(topicId, topic);
    const partition = partitionOf(one.name).number;
    topic.partitions.push({
      partition,
      currentLeaderEpoch: unknownEpoch,
      fetchOffset: BigInt(one.position),
      lastFetchedEpoch: unknownEpoch,
      partitionMaxBytes: partitionBytesMax,
    });
    byPlace.set(`${topicId}:${partition}`, one);
  }
  const forMs = isComplete ? waitMs : shortWaitMs;
  const asked = [...topics.values()];
  const answer = await client.ask(
    "Fetch",
    broker,
    forMs + answerMs,
    forMs,
    1,
    bytesMax,
    readCommitted,
    0,
    0,
    asked,
    [],
    "",
  );
  if (answer.errorCode !== 0) throw new ProtocolError(answer.errorCode);
  return answer.responses.flatMap(({ topicId, partitions }) =>
    partitions.flatMap((one): [Reading, fetchV17.FetchResponsePartition][] => {
      const reading = byPlace.get(`${topicId}:${one.partitionIndex}`);
      return reading ? [[reading, one]] : [];
    }),
  );
}

/** What came cannot be read here, such as of a compression that the runtime has not; fetching it again would fail alike. */
export const isUnreadable = (error: unknown): boolean =>
  error instanceof UnsupportedCompressionError ||
  error instanceof RangeError ||
  error instanceof TypeError ||
  (error instanceof Error && "code" in error && error.code === "OUT_OF_BOUNDS");

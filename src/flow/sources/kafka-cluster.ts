/** What a source must look up in its cluster: who coordinates its group, and which partitions there are. */
import { type Broker, type metadataV12, ProtocolError } from "@platformatic/kafka";
import type { KafkaClient } from "../kafka/client.ts";

/** Time to try several brokers. */
const lookUpMs = 10_000;
const groups = 0;
const unknownTopic = 3;

interface Coordinator {
  find(): Promise<Broker>;
  /** It may have moved: the next one asks anew. */
  forget(): void;
}

export function createCoordinator(client: KafkaClient, group: string): Coordinator {
  let known: Broker | null = null;
  return {
    async find() {
      if (known !== null) return known;
      const { coordinators } = await client.ask("FindCoordinator", null, lookUpMs, groups, [group]);
      const [first] = coordinators;
      if (first === undefined) throw new Error(`no broker says who coordinates group ${group}`);
      known = { host: first.host, port: first.port };
      return known;
    },
    forget() {
      known = null;
    },
  };
}

/** Each topic with its own error code. */
export async function lookUp(client: KafkaClient, topics: readonly string[]): Promise<metadataV12.MetadataResponse> {
  return await client.ask("Metadata", null, lookUpMs, [...topics], false, false);
}

/** How many partitions each topic has: none where it is not there. */
export async function countsOf(client: KafkaClient, topics: readonly string[]): Promise<Map<string, number>> {
  const { topics: found } = await lookUp(client, topics);
  return new Map(
    found.map(({ name, errorCode, partitions }) => {
      if (errorCode !== 0 && errorCode !== unknownTopic) throw new ProtocolError(errorCode);
      return [name ?? "", partitions.length];
    }),
  );
}

/** Those of the topics that are not there. Rejects when the cluster does not say so of one, as it is not reached or refuses to. */
export async function missingOf(client: KafkaClient, topics: readonly string[]): Promise<string[]> {
  const counts = await countsOf(client, topics);
  return topics.filter((topic) => !counts.get(topic));
}

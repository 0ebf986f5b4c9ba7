/**
 * Reads topics of Kafka as one member of a consumer group. Committed messages only, each partition in order. At least once: what was read and not
 * committed is read again by who gets the partition next.
 */
import * as v from "valibot";
import { abortable } from "../../compute/abortable.ts";
import { within } from "../../jobs/backoff.ts";
import { SetupError } from "../../model/errors.ts";
import { unusable } from "../away.ts";
import { createKafkaClient, type KafkaClient } from "../kafka/client.ts";
import {
  cluster,
  connectionOf,
  connectionTodo,
  type KafkaConnection,
  type KafkaParts,
  topicName,
} from "../kafka/connection.ts";
import { isAway, reasonOf } from "../kafka/errors.ts";
import type { Source, SourceListener } from "../source.ts";
import { missingOf } from "./kafka-cluster.ts";
import { createKafkaGroup, type KafkaGroup, leaveGroup } from "./kafka-group.ts";
import { createKafkaReader, type KafkaReader } from "./kafka-reader.ts";
import { cannotUseSource } from "./setup.ts";

export const kafkaSource = v.strictObject({
  kind: v.literal("kafka"),
  ...cluster,
  topics: v.pipe(v.array(topicName), v.minLength(1), v.maxLength(100)),
  /** The consumer group: its members share the partitions, and what it has committed is where they start. */
  group: v.pipe(
    v.string(),
    v.regex(/^[A-Za-z0-9._-]{1,249}$/, "a group's name has letters, digits, ., _ and -, at most 249"),
  ),
  /** What becomes a dead letter is written to the topic `NAME_dlq` as well, which is made if it is not there. */
  dead_letter_topics: v.optional(v.boolean()),
  /** Where a partition is begun of which the group has committed nothing. */
  from: v.optional(v.picklist(["earliest", "latest"]), "earliest"),
});

export type KafkaSourceConfig = v.InferOutput<typeof kafkaSource>;

/** Longer than the others of the group are waited for. */
const joinMs = 30_000;
const leaveMs = 1_500;

interface Opened {
  readonly connection: KafkaConnection;
  readonly clients: readonly KafkaClient[];
  readonly group: KafkaGroup;
  readonly reader: KafkaReader;
}

/** Partitions are named `topic:number`. A message without a value, a tombstone, has an empty one. */
export function createKafkaSource(flow: string, config: KafkaSourceConfig, parts: KafkaParts): Source {
  const cannot = cannotUseSource(flow);
  const where = config.brokers.join(", ");
  let opened: Opened | null = null;

  function refusal(reason: string, cause: unknown): SetupError {
    return unusable(isAway(cause), `${cannot}: ${reason}`, { cause });
  }

  async function checkTopics(client: KafkaClient): Promise<void> {
    const missing = await missingOf(client, config.topics).catch((error: unknown) => {
      throw refusal(`cannot look up its topics at ${where}: ${reasonOf(error)}: ${connectionTodo}`, error);
    });
    if (missing.length === 0) return;
    const names = missing.map((topic) => `"${topic}"`).join(", ");
    throw new SetupError(`${cannot}: there is no topic ${names} at ${where}: create it, or correct its topics`);
  }

  async function join(group: KafkaGroup): Promise<void> {
    try {
      await within(joinMs, null, (signal) => abortable(group.join(), signal));
    } catch (error) {
      const todo = "see that no other program uses the group, and that this one may";
      throw refusal(`cannot join group "${config.group}" at ${where}: ${reasonOf(error)}: ${todo}`, error);
    }
  }

  function open(connection: KafkaConnection, clients: readonly [KafkaClient, KafkaClient], listener: SourceListener) {
    // Two connections: the broker answers one request after the other, and a fetch or a join may take long.
    const [joined, reading] = clients;
    const group = createKafkaGroup({
      client: joined,
      group: config.group,
      topics: config.topics,
      assigned(names) {
        reader.add(names);
        for (const name of names) listener.assigned(name);
      },
      async revoked(names) {
        reader.remove(names);
        await Promise.allSettled(names.map((name) => listener.revoked(name)));
      },
    });
    const { group: groupName, from } = config;
    const reader = createKafkaReader({ flow, client: reading, group: groupName, from, listener, commit: group.commit });
    return { connection, clients, group, reader };
  }

  async function close(): Promise<void> {
    const closing = opened;
    opened = null;
    if (closing === null) return;
    closing.reader.stop();
    const memberId = closing.group.stop();
    for (const client of closing.clients) client.close();
    // Over a new connection: on the old one it would wait behind a join.
    if (memberId !== null) await leaveGroup(closing.connection, config.group, memberId, leaveMs);
  }

  return {
    async open(listener) {
      const connection = connectionOf(cannot, config, parts);
      const clients = [createKafkaClient(connection), createKafkaClient(connection)] as const;
      const opening = open(connection, clients, listener);
      opened = opening;
      try {
        await checkTopics(clients[0]);
        await join(opening.group);
      } catch (error) {
        await close();
        throw error;
      }
    },
    pause: (name) => opened?.reader.pause(name),
    resume: (name) => opened?.reader.resume(name),
    async commit(name, nextOffset) {
      if (opened === null) throw new Error("the source is closed");
      await opened.group.commit(name, nextOffset);
    },
    waiting: (name) => opened?.reader.waiting(name) ?? null,
    close,
  };
}

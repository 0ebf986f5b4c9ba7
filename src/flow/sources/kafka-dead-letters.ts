/** Dead letters as messages of Kafka, for programs that look there: each goes to `{topic}_dlq` beside the topic that it came of. */

import type { KafkaParts } from "../kafka/connection.ts";
import type { LetterMirror } from "../letters.ts";
import type { Delivery, Sink } from "../sink.ts";
import { createKafkaSink } from "../sinks/kafka.ts";
import type { KafkaSourceConfig } from "./kafka.ts";
import { partitionOf } from "./kafka-partition-name.ts";

const writeMs = 10_000;

export function createKafkaDeadLetters(
  flow: string,
  { brokers, tls, ca_file, sasl, topics }: KafkaSourceConfig,
  parts: KafkaParts,
): LetterMirror {
  const cluster = { brokers, tls, ca_file, sasl };
  const sinks = new Map<string, Sink>(
    topics.map((topic) => {
      const config = { kind: "kafka", ...cluster, topic: `${topic}_dlq`, create_topic: true } as const;
      return [topic, createKafkaSink(`${flow}/${topic}_dlq`, config, parts)];
    }),
  );
  /** A sink takes one batch after the other. */
  let last: Promise<void> = Promise.resolve();

  async function send(letter: Delivery): Promise<void> {
    const sink = sinks.get(partitionOf(letter.origin.partition).topic);
    if (sink === undefined) return; // it was called over HTTP: there is no topic
    const [outcome] = await sink.deliver([letter], AbortSignal.timeout(writeMs));
    if (outcome?.kind === "retry") throw new Error(outcome.reason);
  }

  return {
    async check() {
      for (const sink of sinks.values()) await sink.check();
    },
    async write(letter) {
      const own = last.then(() => send(letter));
      last = own.catch(() => undefined);
      await own;
    },
    async close() {
      await Promise.all([...sinks.values()].map((sink) => sink.close()));
    },
  };
}

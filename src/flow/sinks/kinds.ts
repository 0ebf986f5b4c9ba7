/** The kinds of sinks there are: what each may say in a flow's file, and how it is made. */
import type * as v from "valibot";
import type { Sink } from "../sink.ts";
import { createJsonlSink, jsonlSink } from "./jsonl.ts";
import { createKafkaSink, kafkaSink } from "./kafka.ts";
import { createMongodbSink, mongodbSink } from "./mongodb.ts";
import { createPostgresSink, postgresSink } from "./postgres.ts";
import { createRedisSink, redisSink } from "./redis.ts";
import type { SinkParts } from "./setup.ts";
import { createWebhookSink, webhookSink } from "./webhook.ts";

export const sinkSchemas = {
  kafka: kafkaSink,
  postgres: postgresSink,
  mongodb: mongodbSink,
  redis: redisSink,
  webhook: webhookSink,
  jsonl: jsonlSink,
};

export type SinkConfig = v.InferOutput<(typeof sinkSchemas)[keyof typeof sinkSchemas]>;

/** Not used before its `check`. */
export function createSink(name: string, config: SinkConfig, parts: SinkParts): Sink {
  switch (config.kind) {
    case "kafka":
      return createKafkaSink(name, config, parts);
    case "postgres":
      return createPostgresSink(name, config, parts);
    case "mongodb":
      return createMongodbSink(name, config, parts);
    case "redis":
      return createRedisSink(name, config, parts);
    case "webhook":
      return createWebhookSink(name, config, parts);
    case "jsonl":
      return createJsonlSink(name, config, parts);
    default:
      throw config satisfies never;
  }
}

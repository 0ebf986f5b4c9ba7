/** The kinds of sources there are: what each may say in a flow's file, and how it is made. */
import type * as v from "valibot";
import type { Source } from "../source.ts";
import { createHttpSource, httpSource } from "./http.ts";
import { createJsonlSource, jsonlSource } from "./jsonl.ts";
import { createKafkaSource, kafkaSource } from "./kafka.ts";
import { createPlansSource, plansSource } from "./plans.ts";
import { createRedisSource, redisSource } from "./redis.ts";
import type { SourceParts } from "./setup.ts";
import { createTelemetrySource, telemetrySource } from "./telemetry.ts";

export const sourceSchemas = {
  kafka: kafkaSource,
  redis: redisSource,
  http: httpSource,
  jsonl: jsonlSource,
  plans: plansSource,
  telemetry: telemetrySource,
};

export type SourceConfig = v.InferOutput<(typeof sourceSchemas)[keyof typeof sourceSchemas]>;

/** Not used before its `open`. */
export function createSource(flow: string, config: SourceConfig, parts: SourceParts): Source {
  switch (config.kind) {
    case "kafka":
      return createKafkaSource(flow, config, parts);
    case "redis":
      return createRedisSource(flow, config, parts);
    case "http":
      return createHttpSource();
    case "jsonl":
      return createJsonlSource(flow, config, parts);
    case "plans":
      return createPlansSource(flow, config, parts);
    case "telemetry":
      return createTelemetrySource(flow, config, parts);
    default:
      throw config satisfies never;
  }
}

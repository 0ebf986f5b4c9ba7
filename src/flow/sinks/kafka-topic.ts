/** Whether the topic of a Kafka sink is there. */
import { Admin, UserError } from "@platformatic/kafka";
import { abortable } from "../../compute/abortable.ts";
import { SetupError } from "../../model/errors.ts";
import { unusable } from "../away.ts";
import { connectionTodo, type KafkaConnection, optionsOf } from "../kafka/connection.ts";
import { hasApiCode, isAway, reasonOf } from "../kafka/errors.ts";
import type { KafkaSinkConfig } from "./kafka.ts";
import { cannotUse } from "./setup.ts";

const checkMs = 15_000;
const topicAlreadyExists = 36;
/** Short: who delivers tries again by itself, later each time. */
export const retry = { retries: 2, retryDelay: 100 };

/** Throws with the sink's name: `AwayError` when no broker answers, `SetupError` when the topic is not there and is not to be created. */
export async function checkTopic(name: string, config: KafkaSinkConfig, connection: KafkaConnection): Promise<void> {
  const admin = new Admin({ ...optionsOf(connection), ...retry });
  const signal = AbortSignal.timeout(checkMs);
  const { topic } = config;
  try {
    if (await abortable(isThere(admin, topic), signal)) return;
    if (config.create_topic === true) return await abortable(createTopic(admin, topic), signal);
  } catch (error) {
    const where = `topic "${topic}" at ${config.brokers.join(", ")}`;
    const reason = `${cannotUse(name)}: cannot look up or create ${where}: ${reasonOf(error)}: ${connectionTodo}`;
    throw unusable(isAway(error), reason, { cause: error });
  } finally {
    void admin.close().catch(() => undefined);
  }
  throw new SetupError(
    `${cannotUse(name)}: there is no topic "${topic}": create it, or give the sink create_topic: true`,
  );
}

async function isThere(admin: Admin, topic: string): Promise<boolean> {
  try {
    await admin.metadata({ topics: [topic] });
    return true;
  } catch (error) {
    // So it says that a broker knows no such topic; any other error is of another class.
    if (error instanceof UserError) return false;
    throw error;
  }
}

async function createTopic(admin: Admin, topic: string): Promise<void> {
  try {
    await admin.createTopics({ topics: [topic], partitions: -1, replicas: -1 }); // the cluster's defaults
  } catch (error) {
    // Another node was quicker.
    if (!hasApiCode(error, [topicAlreadyExists])) throw error;
  }
}

/** A throw-away single-node Kafka (KRaft), from Maven's artefacts. It listens without and, on a port of its own, with authentication. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { classPathOf } from "./maven.ts";
import { call, startDaemon } from "./process.ts";
import type { KillableService } from "./start.ts";

const artefacts = [
  { group: "org.apache.kafka", name: "kafka_2.13", version: "3.9.1" },
  { group: "org.slf4j", name: "slf4j-simple", version: "1.7.36" },
];

const scram = ["SCRAM-SHA-256", "SCRAM-SHA-512"];
const jaas = (mechanism: string) => `listener.name.sasl_plaintext.${mechanism}.sasl.jaas.config`;
const loginModule = (name: string) => `org.apache.kafka.common.security.${name}LoginModule required`;

/** Whom the port with authentication knows, by PLAIN and by SCRAM. */
export const kafkaUser = { username: "flow", password: "flow-secret" } as const;

export interface KafkaService extends KillableService {
  /** Host and port with authentication. */
  readonly saslUrl: string;
}

export async function startKafka(
  folder: string,
  [port, controllerPort, saslPort]: [number, number, number],
): Promise<KafkaService> {
  const classPath = await classPathOf("kafka", artefacts);
  mkdirSync(folder, { recursive: true });
  const settings = join(folder, "server.properties");
  writeFileSync(
    settings,
    [
      "process.roles=broker,controller",
      "node.id=1",
      `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
      `listeners=PLAINTEXT://127.0.0.1:${port},SASL_PLAINTEXT://127.0.0.1:${saslPort},CONTROLLER://127.0.0.1:${controllerPort}`,
      `advertised.listeners=PLAINTEXT://127.0.0.1:${port},SASL_PLAINTEXT://127.0.0.1:${saslPort}`,
      "controller.listener.names=CONTROLLER",
      "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
      `sasl.enabled.mechanisms=PLAIN,${scram.join(",")}`,
      `${jaas("plain")}=${loginModule("plain.Plain")} user_${kafkaUser.username}="${kafkaUser.password}";`,
      ...scram.map((mechanism) => `${jaas(mechanism.toLowerCase())}=${loginModule("scram.Scram")};`),
      `log.dirs=${join(folder, "log")}`,
      "offsets.topic.replication.factor=1",
      "transaction.state.log.replication.factor=1",
      "transaction.state.log.min.isr=1",
      "group.initial.rebalance.delay.ms=0",
      "",
    ].join("\n"),
  );
  const java = ["-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classPath];
  const storage = [...java, "kafka.tools.StorageTool"];
  const clusterId = (await call("java", [...storage, "random-uuid"])).trim();
  const { username, password } = kafkaUser;
  const users = scram.flatMap((mechanism) => ["--add-scram", `${mechanism}=[name=${username},password=${password}]`]);
  await call("java", [...storage, "format", "-t", clusterId, "-c", settings, ...users]);
  const start = () => startDaemon("java", [...java, "kafka.Kafka", settings], port, join(folder, "server.log"));
  let daemon = await start();
  return {
    url: `127.0.0.1:${port}`,
    saslUrl: `127.0.0.1:${saslPort}`,
    kill: () => daemon.kill(),
    async startAgain() {
      daemon = await start();
    },
    stop: () => daemon.stop(),
  };
}

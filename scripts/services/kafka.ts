/** A throw-away single-node Kafka (KRaft), from Maven's artefacts. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { classPathOf } from "./maven.ts";
import { call, startDaemon } from "./process.ts";
import type { KillableService } from "./start.ts";

const artefacts = [
  { group: "org.apache.kafka", name: "kafka_2.13", version: "3.9.1" },
  { group: "org.slf4j", name: "slf4j-simple", version: "1.7.36" },
];

export async function startKafka(folder: string, [port, controllerPort]: [number, number]): Promise<KillableService> {
  const classPath = await classPathOf("kafka", artefacts);
  mkdirSync(folder, { recursive: true });
  const settings = join(folder, "server.properties");
  writeFileSync(
    settings,
    [
      "process.roles=broker,controller",
      "node.id=1",
      `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
      `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
      `advertised.listeners=PLAINTEXT://127.0.0.1:${port}`,
      "controller.listener.names=CONTROLLER",
      "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
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
  await call("java", [...storage, "format", "-t", clusterId, "-c", settings]);
  const start = () => startDaemon("java", [...java, "kafka.Kafka", settings], port, join(folder, "server.log"));
  let daemon = await start();
  return {
    url: `127.0.0.1:${port}`,
    kill: () => daemon.kill(),
    async startAgain() {
      daemon = await start();
    },
    stop: () => daemon.stop(),
  };
}

/** A throw-away single-node Kafka (KRaft), from Maven's artefacts, kept in the user's cache folder. Started only by `--with-kafka`. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { call, startDaemon } from "./process.ts";
import type { Service } from "./start.ts";

const artefacts = [
  { group: "org.apache.kafka", name: "kafka_2.13", version: "3.9.1" },
  { group: "org.slf4j", name: "slf4j-simple", version: "1.7.36" },
];

export async function startKafka(folder: string, [port, controllerPort]: [number, number]): Promise<Service> {
  const classPath = `${await jarsFolder()}/*`;
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
  const daemon = await startDaemon("java", [...java, "kafka.Kafka", settings], port, join(folder, "server.log"));
  return { url: `127.0.0.1:${port}`, stop: daemon.stop };
}

async function jarsFolder(): Promise<string> {
  const cache = join(
    process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"),
    "orrery",
    `kafka-${artefacts[0]?.version}`,
  );
  const jars = join(cache, "jars");
  if (existsSync(join(cache, "complete"))) return jars;
  mkdirSync(cache, { recursive: true });
  const dependencies = artefacts.map(
    ({ group, name, version }) =>
      `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`,
  );
  const project = join(cache, "pom.xml");
  writeFileSync(
    project,
    `<project><modelVersion>4.0.0</modelVersion><groupId>orrery</groupId><artifactId>kafka</artifactId><version>1</version>
<dependencies>${dependencies.join("")}</dependencies></project>\n`,
  );
  await call("mvn", ["-q", "-B", "-f", project, "dependency:copy-dependencies", `-DoutputDirectory=${jars}`]);
  writeFileSync(join(cache, "complete"), "");
  return jars;
}

/** A throw-away server that speaks MongoDB's protocol and keeps all in memory: mongo-java-server, from Maven. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { classPathOf } from "./maven.ts";
import { startDaemon } from "./process.ts";
import type { Service } from "./start.ts";

const artefacts = [
  { group: "de.bwaldvogel", name: "mongo-java-server", version: "1.47.0" },
  { group: "org.slf4j", name: "slf4j-simple", version: "2.0.17" },
];

/** Its own main class has its port fixed. */
const program = `import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;

public class ServeMongo {
  public static void main(String[] arguments) {
    new MongoServer(new MemoryBackend()).bind("127.0.0.1", Integer.parseInt(arguments[0]));
  }
}
`;

export async function startMongo(folder: string, port: number): Promise<Service> {
  const classPath = await classPathOf("mongo", artefacts);
  mkdirSync(folder, { recursive: true });
  const source = join(folder, "ServeMongo.java");
  writeFileSync(source, program);
  const java = ["-Xmx256m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classPath];
  const daemon = await startDaemon("java", [...java, source, String(port)], port, join(folder, "server.log"));
  return { url: `mongodb://127.0.0.1:${port}`, stop: daemon.stop };
}

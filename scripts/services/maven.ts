/** Artefacts from Maven with all that they depend on, fetched once into the user's cache folder. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../../src/compute/container.ts";
import { call } from "./process.ts";

export interface Artefact {
  readonly group: string;
  readonly name: string;
  readonly version: string;
}

/** Whether this machine has Maven and a whole JDK: a service may be a source file, which a runtime alone cannot compile. */
export function hasMaven(): boolean {
  return ["mvn", "java", "javac"].every((program) => findProgram(program, process.env) !== null);
}

/** The class path of all jars. `name` is the cache's, with the first artefact's version. */
export async function classPathOf(name: string, artefacts: readonly Artefact[]): Promise<string> {
  const cache = join(
    process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"),
    "orrery",
    `${name}-${artefacts[0]?.version}`,
  );
  const jars = join(cache, "jars");
  if (existsSync(join(cache, "complete"))) return `${jars}/*`;
  mkdirSync(cache, { recursive: true });
  const dependencies = artefacts.map(
    ({ group, name, version }) =>
      `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`,
  );
  const project = join(cache, "pom.xml");
  writeFileSync(
    project,
    `<project><modelVersion>4.0.0</modelVersion><groupId>orrery</groupId><artifactId>${name}</artifactId><version>1</version>
<dependencies>${dependencies.join("")}</dependencies></project>\n`,
  );
  await call("mvn", ["-q", "-B", "-f", project, "dependency:copy-dependencies", `-DoutputDirectory=${jars}`]);
  writeFileSync(join(cache, "complete"), "");
  return `${jars}/*`;
}

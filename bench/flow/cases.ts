/** The flows that are measured: where their messages come from, what runs them, where they go. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import { openTopics } from "./topics.ts";

/** Null: there is none. */
export interface CaseServers {
  readonly kafka: string | null;
  readonly databaseUrl: string | null;
}

export interface FlowCase {
  readonly source: "folder" | "topic";
  readonly executor: "function" | "processes";
  readonly sinks: readonly ("file" | "memory" | "db")[];
  /** Of the messages that are asked for. */
  readonly share: number;
}

export const cases: Readonly<Record<string, FlowCase>> = {
  files: { source: "folder", executor: "function", sinks: ["file"], share: 1 },
  memory: { source: "folder", executor: "function", sinks: ["memory"], share: 1 },
  "two-sinks": { source: "folder", executor: "function", sinks: ["file", "memory"], share: 1 },
  process: { source: "folder", executor: "processes", sinks: ["file"], share: 0.1 },
  kafka: { source: "topic", executor: "function", sinks: ["db", "file"], share: 1 },
  "kafka-process": { source: "topic", executor: "processes", sinks: ["db", "file"], share: 0.1 },
};

/** Partitions, or files. */
export const partitions = 4;
/** The variable that the sink to Postgres is told of. */
export const databaseVariable = "BENCH_DATABASE_URL";
const sentAtOnce = 2_000;

const sinks = {
  file: () => "file: { kind: jsonl, folder: out }",
  memory: () => "memory: { kind: jsonl, folder: unused, fsync: never }", // its place is taken by one that confirms at once
  db: (table: string) =>
    `db: { kind: postgres, url_env: ${databaseVariable}, table: ${table}, columns: { sensor: sensor, kelvin: kelvin } }`,
};
const executors = {
  function: "module: flow.ts\nconcurrency: 64",
  processes: `executor: { kind: subprocess, command: [sh, warm.sh], warm: { processes: ${partitions} } }
concurrency: ${partitions}
attempts: 1`,
};
const message = (n: number) => `{"sensor":"t${n % 100}","celsius":${(n % 800) / 10}}`;

export const missingOf = ({ source, sinks }: FlowCase, servers: CaseServers): string | null => {
  if (source === "topic" && servers.kafka === null) return "no Kafka: set BENCH_KAFKA";
  if (sinks.includes("db") && servers.databaseUrl === null) return `no Postgres: set ${databaseVariable}`;
  return null;
};

/** Writes a flow of the case and all its messages; resolves with the path of its file. `name` is new in every round. */
export async function prepareCase(
  one: FlowCase,
  { name, folder, each, servers }: { name: string; folder: string; each: number; servers: CaseServers },
): Promise<string> {
  const table = name.replaceAll("-", "_");
  const inbox = join(folder, "inbox");
  mkdirSync(inbox, { recursive: true });
  writeFileSync(
    join(folder, "flow.ts"),
    "export default { execute: ({ input }) => ({ sensor: input.sensor, kelvin: input.celsius + 273.15 }) };",
  );
  writeFileSync(join(folder, "warm.sh"), `while read -r line; do echo '{"output":{"sensor":"t","kelvin":1}}'; done\n`);
  const source =
    one.source === "folder"
      ? "{ kind: jsonl, folder: inbox, poll_s: 0.05 }"
      : `{ kind: kafka, brokers: ["${servers.kafka}"], topics: [${name}], group: ${name} }`;
  const path = join(folder, "flow.yaml");
  writeFileSync(
    path,
    `source: ${source}
input:
  type: object
  required: [sensor, celsius]
  properties: { sensor: { type: string }, celsius: { type: number, minimum: -273.15 } }
${executors[one.executor]}
window: 5000
batch: 500
commit_s: 0.1
sinks: { ${one.sinks.map((sink) => sinks[sink](table)).join(", ")} }
`,
  );
  if (one.sinks.includes("db") && servers.databaseUrl !== null) await makeTable(servers.databaseUrl, table);
  if (one.source === "topic" && servers.kafka !== null) await fillTopic(servers.kafka, name, each * partitions);
  else
    for (let file = 0; file < partitions; file++)
      writeFileSync(join(inbox, `${file}.jsonl`), Array.from({ length: each }, (_, n) => `${message(n)}\n`).join(""));
  return path;
}

async function makeTable(databaseUrl: string, table: string): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  await sql.unsafe(`drop table if exists ${table}`);
  await sql.unsafe(`create table ${table} (idempotency_key text primary key, sensor text, kelvin double precision)`);
  await sql.end();
}

/** Without a key: the client spreads them over the partitions. */
async function fillTopic(kafka: string, topic: string, count: number): Promise<void> {
  const topics = openTopics(kafka);
  await topics.make(topic, partitions);
  for (let sent = 0; sent < count; sent += sentAtOnce)
    await topics.send(
      topic,
      Array.from({ length: Math.min(sentAtOnce, count - sent) }, (_, n) => message(sent + n)),
    );
  await topics.close();
}

/** Two nodes share a topic; one is killed in the middle and started again: each message is in Postgres once, and in a node's file or a dead letter. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import postgres from "postgres";
import { messagesOf } from "../bench/flow/load.ts";
import { openTopics, type Topics } from "../bench/flow/topics.ts";
import { type DatabasePlace, makeDatabasePlace } from "./support/database.ts";
import { kafka } from "./support/kafka.ts";
import { type OrreryProcess, startOrrery } from "./support/process.ts";
import { requester, secretKey } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const count = 2_000;
const skip = kafka === undefined || process.env.TEST_DATABASE_URL === undefined;

describe("a node that is killed while two read a topic", { skip }, () => {
  const topic = `drill-${randomUUID()}`;
  const all = [...messagesOf(0, count, 1)];
  const nodes = new Map<string, OrreryProcess>();
  let place: DatabasePlace;
  let topics: Topics;
  let sql: postgres.Sql;

  before(async () => {
    place = await makeDatabasePlace();
    sql = postgres(place.databaseUrl ?? "", { max: 1, onnotice: () => {} });
    await sql`create table drill (idempotency_key text primary key, n integer not null)`;
    topics = openTopics(kafka ?? "");
    await topics.make(topic, 4);
    for (const name of ["one", "two"]) await makeFolder(join(place.dataDir, name));
  });
  after(async () => {
    for (const node of nodes.values()) {
      node.signal("SIGKILL");
      await node.ended;
    }
    await topics.close();
    await sql.end();
    await place.remove();
  });

  async function makeFolder(folder: string): Promise<void> {
    await mkdir(join(folder, "flows"), { recursive: true });
    await writeFile(join(folder, "orrery.yaml"), "flows: flows\n");
    await writeFile(
      join(folder, "flows/drill.yaml"),
      `
source: { kind: kafka, brokers: ["${kafka}"], topics: [${topic}], group: ${topic} }
module: drill.ts
attempts: 2
concurrency: 4
retry: { base_s: 0.01, max_s: 0.01 }
sinks:
  db: { kind: postgres, url_env: DATABASE_URL, table: drill, columns: { n: n } }
  file: { kind: jsonl, folder: out }
`,
    );
    await writeFile(
      join(folder, "flows/drill.ts"),
      `export default {
  execute: async ({ input: { n, slow, fails } }) => {
    await new Promise((resolve) => setTimeout(resolve, slow ? 100 : 2));
    if (fails) throw new Error("one of those that fail");
    return { n };
  },
};`,
    );
  }

  async function start(name: string): Promise<string> {
    const folder = join(place.dataDir, name);
    const node = startOrrery(["serve", "--port", "0", "--data", folder, "--no-example"], {
      cwd: folder,
      env: { SECRET_KEY: secretKey, REMOTE_APIS: "[]", DATABASE_URL: place.databaseUrl ?? "" },
    });
    nodes.set(name, node);
    return JSON.parse(await node.line(/"msg":"ready"/)).url;
  }

  const send = (messages: typeof all) =>
    topics.send(
      topic,
      messages.map((message) => JSON.stringify(message)),
    );
  const rows = async (): Promise<number[]> =>
    (await sql<{ n: number }[]>`select n from drill order by n`).map(({ n }) => n);
  const linesOf = async (name: string): Promise<number[]> => {
    const text = await readFile(join(place.dataDir, name, "flows/out/file.jsonl"), "utf8");
    return text.split("\n").flatMap((line) => (line.endsWith("}") ? [JSON.parse(line).payload.n] : []));
  };

  it("loses none, and writes none twice where the sink can know", async () => {
    await start("one");
    const url = await start("two");
    await send(all.slice(0, count / 2));
    await until("some are done", async () => (await rows()).length > 300);
    const node = nodes.get("one");
    node?.signal("SIGKILL");
    await node?.ended;
    await send(all.slice(count / 2));
    await start("one");
    await until("the group has committed all", async () => (await topics.lagOf(topic, topic)) === 0, 60_000);

    const succeeding = all.flatMap(({ n, fails }) => (fails ? [] : [n]));
    assert.deepEqual(await rows(), succeeding);
    const lines = [...(await linesOf("one")), ...(await linesOf("two"))];
    assert.deepEqual(
      [...new Set(lines)].sort((a, b) => a - b),
      succeeding,
    );
    const { json } = await requester(url)("GET", "/api/dlq?job_type=orrery.flow.drill&limit=1");
    assert.equal(json.total, count - succeeding.length);
  });
});

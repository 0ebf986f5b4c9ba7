/** A node is killed again and again while a flow reads a folder: at the end each line is in the sink or a dead letter. */
import assert from "node:assert/strict";
import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type DatabasePlace, makeDatabasePlace } from "./support/database.ts";
import { type OrreryProcess, startOrrery } from "./support/process.ts";
import { requester, secretKey, services } from "./support/runtime.ts";
import { until } from "./support/signal.ts";

const count = 6_000;
/** The kills come as the sink has so many lines. */
const killedAt = [500, 2_000, 3_500, 5_000];

describe("a node that is killed while a flow runs", () => {
  let place: DatabasePlace;
  let dir: string;
  let node: OrreryProcess;
  let url: string;
  before(async () => {
    place = await makeDatabasePlace();
    dir = place.dataDir;
    await mkdir(join(dir, "flows/inbox"), { recursive: true });
    await writeFile(join(dir, "orrery.yaml"), "flows: flows\n");
    await writeFile(
      join(dir, "flows/readings.yaml"),
      `
source: { kind: jsonl, folder: inbox, poll_s: 0.05 }
input: { type: object, required: [n], properties: { n: { type: integer } } }
module: readings.ts
commit_s: 0.05
attempts: 2
concurrency: 64
retry: { base_s: 0.01, max_s: 0.01 }
sinks: { out: { kind: jsonl, folder: out } }
`,
    );
    await writeFile(
      join(dir, "flows/readings.ts"),
      `export default {
  execute: async ({ input }) => {
    await new Promise((resolve) => setTimeout(resolve, input.n % 33 === 0 ? 40 : 4));
    if (input.n % 20 === 7) throw new Error("one of the five in a hundred that fail");
    return { n: input.n };
  },
};`,
    );
    for (let file = 0; file < 3; file++) await writeLines(file, 0, count / 6);
  });
  after(async () => {
    node.signal("SIGKILL");
    await node.ended;
    await place.remove();
  });

  async function start(): Promise<void> {
    node = startOrrery(["serve", "--port", "0", "--data", dir, "--no-example"], {
      cwd: dir,
      env: {
        SECRET_KEY: secretKey,
        REMOTE_APIS: JSON.stringify(services),
        ...(place.databaseUrl !== null && { DATABASE_URL: place.databaseUrl }),
      },
    });
    url = JSON.parse(await node.line(/"msg":"ready"/)).url;
  }

  const writeLines = (file: number, from: number, to: number) =>
    appendFile(
      join(dir, `flows/inbox/${file}.jsonl`),
      Array.from({ length: to - from }, (_, i) => `{"n":${(from + i) * 3 + file}}\n`).join(""),
    );

  async function written(): Promise<number[]> {
    const text = await readFile(join(dir, "flows/out/out.jsonl"), "utf8").catch(() => "");
    const whole = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
    return whole.flatMap((line) => (line.endsWith("}") ? [JSON.parse(line).payload.n] : []));
  }

  const dead = async (): Promise<number> =>
    (await requester(url)("GET", "/api/dlq?job_type=orrery.flow.readings&limit=1")).json.total;

  it("loses no line: each is in the sink or a dead letter, once", async () => {
    for (const at of killedAt) {
      await start();
      await until(`${at} are written`, async () => (await written()).length >= at, 60_000);
      node.signal("SIGKILL");
      await node.ended;
      if (at === killedAt[0]) for (let file = 0; file < 3; file++) await writeLines(file, count / 6, count / 3);
    }
    await start();
    const expected = Array.from({ length: count }, (_, n) => n);
    const failing = expected.filter((n) => n % 20 === 7);
    await until("all are there", async () => new Set(await written()).size + (await dead()) === count, 90_000);
    assert.deepEqual(
      [...new Set(await written())].sort((a, b) => a - b),
      expected.filter((n) => n % 20 !== 7),
    );
    assert.equal(await dead(), failing.length);
  });
});

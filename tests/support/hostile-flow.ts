/** A folder with a flow, `hostile`, whose messages, errors and results are hostile text, and one, `read`, of a hostile file; and messages sent. */
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostile } from "./hostile.ts";
import type { Call } from "./hostile-mission.ts";
import { until } from "./signal.ts";

/** As hostile as a file's name can be. */
export const hostilePartition = `${hostile.replaceAll("/", "")}.jsonl`;

export async function makeHostileFlows(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "orrery-hostile-flows-"));
  await writeFile(
    join(dir, "hostile.yaml"),
    `
description: ${JSON.stringify(hostile)}
source: { kind: http }
module: hostile.ts
attempts: 1
sinks: { out: { kind: jsonl, folder: out } }
`,
  );
  await mkdir(join(dir, "inbox"));
  await writeFile(join(dir, "inbox", hostilePartition), "[]\n");
  await writeFile(join(dir, "read.yaml"), "source: { kind: jsonl, folder: inbox, poll_s: 0.05 }\nsinks: {}\n");
  await writeFile(
    join(dir, "hostile.ts"),
    `const hostile = ${JSON.stringify(hostile)};
export default { execute: ({ input }) => { if (input.fails) throw new Error(hostile); return { [hostile]: hostile }; } };`,
  );
  return dir;
}

export async function sendHostile(call: Call): Promise<void> {
  const messages = [
    { id: hostile, key: hostile, value: { [hostile]: hostile } },
    { id: "failed", key: hostile, value: { fails: true, [hostile]: hostile } },
  ];
  await call("POST", "/flow/hostile/message", { messages });
  await until("the file is read", async () => (await call("GET", "/flow/read")).json.partitions.length === 1);
}

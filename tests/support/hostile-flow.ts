/** A folder with one flow, `hostile`, whose messages, errors and results are hostile text; and messages sent to it. */
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostile } from "./hostile.ts";
import type { Call } from "./hostile-mission.ts";

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
}

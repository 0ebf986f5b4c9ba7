/** The two flows of a drill on one topic, each in a group of its own, and the folder of a node that has them. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const topics = { in: "drill-in", out: "drill-out" } as const;
export const groups = { ledger: "drill-ledger", listed: "drill-listed" } as const;
export const listKey = "drill:listed";
/** Of the sink to Postgres. `at`: the message's partition and offset. */
export const tableDdl = "create table drill (idempotency_key text primary key, n integer not null, at text not null)";

const module = `export default {
  async execute({ input, origins: [{ partition, id }] }) {
    if (input.slow) await new Promise((resolve) => setTimeout(resolve, 250));
    if (input.fails) throw new Error("one of those that fail");
    return { n: input.n, at: partition + "@" + id };
  },
};
`;

const common = (kafka: string, group: string) => `
source: { kind: kafka, brokers: ["${kafka}"], topics: [${topics.in}], group: ${group} }
input: { type: object, required: [n, slow, fails], properties: { n: { type: integer } } }
module: drill.ts
attempts: 2
retry: { base_s: 0.05, max_s: 0.1 }
`;

export function writeNodeFolder(folder: string, kafka: string): void {
  const flows = join(folder, "flows");
  mkdirSync(flows, { recursive: true });
  writeFileSync(join(folder, "orrery.yaml"), "flows: flows\n");
  writeFileSync(join(flows, "drill.ts"), module);
  writeFileSync(
    join(flows, "ledger.yaml"),
    `${common(kafka, groups.ledger)}
sinks:
  db: { kind: postgres, url_env: SINK_URL, table: drill, columns: { n: n, at: at } }
  topic: { kind: kafka, brokers: ["${kafka}"], topic: ${topics.out}, key: "{n}" }
  file: { kind: jsonl, folder: out }
`,
  );
  writeFileSync(
    join(flows, "listed.yaml"),
    `${common(kafka, groups.listed)}
sinks:
  list: { kind: redis, url_env: SINK_REDIS_URL, as: list, key: "${listKey}" }
`,
  );
}

/** The file that the sink of a node's folder writes. */
export const sinkFileOf = (folder: string): string => join(folder, "flows/out/file.jsonl");

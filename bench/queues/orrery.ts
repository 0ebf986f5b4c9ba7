/** Orrery: a whole node with a function compute, asked over its API. Filled while its queue is paused. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hashSync } from "bcryptjs";
import postgres from "postgres";
import { loadConfig } from "../../src/config.ts";
import { open } from "../../src/runtime.ts";
import { jobsAtOnce, type Queue, type QueueParts } from "./queue.ts";

const service = "bench";
const key = "bench-key";

/** Also tells a gauge of /metrics. */
export interface OrreryQueue extends Queue {
  gauge(name: string): Promise<number>;
}

export async function openOrrery({ url, onStart }: QueueParts): Promise<OrreryQueue> {
  const folder = mkdtempSync(join(tmpdir(), "orrery-bench-"));
  const roles = ["publish", "update", "operate"];
  const env = {
    LOG_LEVEL: "warn",
    DATABASE_URL: url,
    REMOTE_APIS: JSON.stringify([{ service, hash: hashSync(key, 4), roles }]),
    SECRET_KEY: "only for benchmarks",
  };
  const config = loadConfig({ env, flags: { data: folder, example: false, port: 0 }, cwd: folder });
  const noop = { kind: "function", module: join(folder, "noop.mjs") } as const;
  writeFileSync(noop.module, "export default () => globalThis.onBenchJob();");
  Object.assign(globalThis, {
    onBenchJob: () => {
      onStart();
      return null;
    },
  });
  const runtime = await open({ ...config, computes: { noop } });
  const sql = postgres(url, { max: 1, onnotice: () => {} });

  let token = "";
  /** Without a socket, as a batch's cost is not in it. */
  async function ask(method: string, path: string, body: string): Promise<string> {
    return answerOf(await runtime.fetch(new Request(`http://localhost${path}`, { method, headers: headers(), body })));
  }
  const headers = () => ({ "Content-Type": "application/json", Authorization: `Bearer ${token}` });
  async function answerOf(answer: Response): Promise<string> {
    const text = await answer.text();
    if (!answer.ok) throw new Error(`Orrery answered ${answer.status}: ${text}`);
    return text;
  }
  const pause = (paused: boolean) => ask("PUT", "/api/queue/default", JSON.stringify({ paused }));
  token = JSON.parse(await ask("POST", "/api/authenticate", JSON.stringify({ service, key }))).access_token;
  await pause(true);

  return {
    async fill(count) {
      for (let left = count; left > 0; left -= jobsAtOnce) {
        const jobs = Array.from({ length: Math.min(left, jobsAtOnce) }, () => ({ job_type: "noop" }));
        await ask("POST", "/api/job", JSON.stringify(jobs));
      }
    },
    begin: async () => void (await pause(false)),
    end: async () => void (await pause(true)),
    async hasLeft() {
      return (await sql`select 1 from job union all select 1 from bundle limit 1`).length > 0;
    },
    async one() {
      const body = '{"job_type":"noop"}';
      await answerOf(await fetch(`${runtime.url}/api/job`, { method: "POST", headers: headers(), body }));
    },
    async records() {
      const [row] = await sql<{ jobs: number; ends: number; attempts: number }[]>`
        select (select count(*)::int from job_record where queue = 'default') as jobs,
          (select count(*)::int from job_end join job_record using (job_id) where state = 'succeeded' and queue = 'default') as ends,
          (select count(*)::int from every_attempt join job_record using (job_id) where outcome = 'succeeded' and queue = 'default') as attempts`;
      return row ?? {};
    },
    async gauge(name) {
      const answer = await runtime.fetch(new Request("http://localhost/metrics"));
      return Number(new RegExp(`^${name} (\\S+)`, "m").exec(await answer.text())?.[1]);
    },
    async stop() {
      await runtime.stop();
      await sql.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

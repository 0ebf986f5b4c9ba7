/** graphile-worker, in the settings that were its fastest here; without its local queue it is what most people run. */
import { Logger, makeWorkerUtils, type Runner, run } from "graphile-worker";
import postgres from "postgres";
import { jobsAtOnce, type Queue, type QueueParts } from "./queue.ts";

const silent = new Logger(() => () => {});

export async function openGraphileWorker(parts: QueueParts, hasLocalQueue: boolean): Promise<Queue> {
  const { url, onStart } = parts;
  const {
    concurrency = hasLocalQueue ? 200 : 24,
    pool = hasLocalQueue ? 10 : 26,
    size = 2000,
    batchMs = 5,
  } = parts.settings;
  const preset = {
    worker: {
      connectionString: url,
      concurrentJobs: concurrency,
      maxPoolSize: pool,
      logger: silent,
      ...(hasLocalQueue && { localQueue: { size }, completeJobBatchDelay: batchMs, failJobBatchDelay: batchMs }),
    },
  };
  const jobs = await makeWorkerUtils({ preset });
  await jobs.migrate();
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  let runner: Runner | null = null;
  return {
    async fill(count) {
      for (let left = count; left > 0; left -= jobsAtOnce) {
        const batch = Array.from({ length: Math.min(left, jobsAtOnce) }, () => ({ identifier: "noop", payload: {} }));
        await jobs.addJobs(batch);
      }
    },
    async begin() {
      runner = await run({ preset, noHandleSignals: true, taskList: { noop: () => onStart() } });
    },
    async end() {
      await runner?.stop();
      runner = null;
    },
    async hasLeft() {
      return (await sql`select 1 from graphile_worker._private_jobs limit 1`).length > 0;
    },
    one: async () => void (await jobs.addJob("noop", {})),
    records: async () => ({}), // a job that is done is deleted, an attempt is a counter on it
    async stop() {
      await runner?.stop();
      await jobs.release();
      await sql.end();
    },
  };
}

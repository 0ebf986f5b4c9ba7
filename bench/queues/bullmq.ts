/** BullMQ on Redis: an append-only file that is synced once a second, so a crash may lose as much. */
import { Queue as BullQueue, Worker } from "bullmq";
import { jobsAtOnce, type Queue, type QueueParts } from "./queue.ts";

const name = "bench";

export async function openBullMQ({ url, settings, onStart }: QueueParts): Promise<Queue> {
  const { concurrency = 100 } = settings;
  const { hostname: host, port, pathname } = new URL(url);
  const connection = { host, port: Number(port), db: Number(pathname.slice(1) || "0"), maxRetriesPerRequest: null };
  const queue = new BullQueue(name, { connection, defaultJobOptions: { removeOnComplete: true } });
  await queue.waitUntilReady();
  await queue.obliterate({ force: true });
  let worker: Worker | null = null;
  return {
    async fill(count) {
      for (let left = count; left > 0; left -= jobsAtOnce)
        await queue.addBulk(Array.from({ length: Math.min(left, jobsAtOnce) }, () => ({ name: "noop", data: {} })));
    },
    async begin() {
      worker = new Worker(name, async () => onStart(), { connection, concurrency });
      await worker.waitUntilReady();
    },
    async end() {
      await worker?.close();
      worker = null;
    },
    async hasLeft() {
      const counts = await queue.getJobCounts("wait", "active", "delayed", "prioritized");
      return Object.values(counts).some((count) => count > 0);
    },
    one: async () => void (await queue.add("noop", {})),
    records: async () => ({}), // with removeOnComplete, its fastest, nothing is kept
    async stop() {
      await worker?.close();
      await queue.obliterate({ force: true });
      await queue.close();
    },
  };
}

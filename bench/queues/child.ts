// A queue in a process of its own, so that its CPU can be told from the others': `child.ts NAME URL SETTINGS`, orders by IPC.
import { openBullMQ } from "./bullmq.ts";
import { openGraphileWorker } from "./graphile-worker.ts";
import { openOrrery } from "./orrery.ts";
import type { Queue, QueueParts } from "./queue.ts";

const kinds: Readonly<Record<string, (parts: QueueParts) => Promise<Queue>>> = {
  orrery: openOrrery,
  "graphile-worker": (parts) => openGraphileWorker(parts, true),
  "graphile-worker, no local queue": (parts) => openGraphileWorker(parts, false),
  bullmq: openBullMQ,
};

const [name = "", url = "", settings = "{}"] = process.argv.slice(2);
let started = 0;
let onStart = (): void => {};
const openKind = kinds[name];
if (openKind === undefined) throw new Error(`No queue is called ${name}`);
const queue = await openKind({
  url,
  settings: JSON.parse(settings),
  onStart: () => {
    started += 1;
    onStart();
  },
});

/** Milliseconds from the first job's start until the store has none left. */
async function drain(count: number): Promise<number> {
  started = 0;
  let firstMs = 0;
  const all = new Promise<void>((resolve) => {
    onStart = () => {
      if (started === 1) firstMs = performance.now();
      if (started >= count) resolve();
    };
  });
  await queue.begin();
  await all;
  while (await queue.hasLeft());
  const ms = performance.now() - firstMs;
  onStart = () => {};
  await queue.end();
  return ms;
}

/** Milliseconds from asking until it is stored, and until it starts. */
async function one(): Promise<{ storedMs: number; startMs: number }> {
  const beginMs = performance.now();
  const start = new Promise<number>((resolve) => {
    onStart = () => resolve(performance.now() - beginMs);
  });
  await queue.one();
  const storedMs = performance.now() - beginMs;
  return { storedMs, startMs: await start };
}

async function fill(count: number): Promise<number> {
  const beginMs = performance.now();
  await queue.fill(count);
  return performance.now() - beginMs;
}

const orders: Readonly<Record<string, (count: number) => Promise<unknown>>> = {
  fill,
  drain,
  one,
  begin: () => queue.begin(),
  records: () => queue.records(),
  async stop() {
    await queue.stop();
    setTimeout(() => process.exit(0), 1000); // a queue that leaves a timer or a socket behind
    process.disconnect?.();
  },
};
process.on("message", (message) => {
  const { order, count } = message as { order: string; count: number };
  void orders[order]?.(count).then(
    (result) => process.send?.({ result: result ?? null }),
    (error: unknown) => process.send?.({ error: String(error instanceof Error ? error.stack : error) }),
  );
});
process.send?.({ result: null });

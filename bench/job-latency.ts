// Question (P5): on an idle system, how long from a client's request to enqueue one job until the job starts?
// Method: each queue in a process and a database of its own, driven by the same code (bench/queues/). One job at a time, in turn through
// all queues, so that each meets the machine as it is at that moment; a pause after each. `stored`: the client has its answer. `start`:
// the function has been called. Orrery is asked by `POST /api/job` over a socket, from the process that serves; the peers by their
// libraries, from the process that works. The first jobs of each are thrown away.
// What would flatter it: jobs in quick succession (nothing falls asleep), an enqueue without HTTP, a store that does not wait for the disk
// (BullMQ's does not: it syncs once a second).
import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type Contender, startContender } from "./measure/contender.ts";
import { quantile, rounded } from "./measure/median.ts";
import { startServers } from "./measure/servers.ts";

const { values: flags } = parseArgs({
  options: {
    smoke: { type: "boolean", default: false },
    jobs: { type: "string", default: "600" },
    "pause-ms": { type: "string", default: "20" },
  },
});
const jobs = flags.smoke ? 10 : Number(flags.jobs);
const pauseMs = Number(flags["pause-ms"]);
const warmUp = flags.smoke ? 3 : 30;
const names = ["orrery", "graphile-worker", "graphile-worker, no local queue", "bullmq"];

interface Times {
  readonly storedMs: number;
  readonly startMs: number;
}

const servers = await startServers();
const queues: Contender[] = [];
const measured = new Map<string, Times[]>(names.map((name) => [name, []]));
const load: number[] = [];
try {
  for (const name of names) {
    const isRedis = name === "bullmq";
    const url = isRedis ? servers.redisUrl : await servers.createDatabase();
    const storePid = isRedis ? servers.redisPid : servers.postgresPid;
    const queue = await startContender({ name, url, storePid });
    queues.push(queue);
    await queue.order("begin");
  }
  for (let i = -warmUp; i < jobs; i++) {
    for (const queue of queues) {
      const times = await queue.order<Times>("one");
      if (i >= 0) measured.get(queue.name)?.push(times);
      await sleep(pauseMs);
    }
    load.push(loadavg()[0] ?? 0);
  }
} finally {
  for (const queue of queues) await queue.stop();
  await servers.stop();
}

const results = [...measured].map(([queue, all]) => {
  const of = (field: keyof Times) => {
    const ms = all.map((times) => times[field]);
    const at = (share: number) => rounded(quantile(ms, share), 1);
    return { p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), maxMs: at(1) };
  };
  return { queue, start: of("startMs"), stored: of("storedMs") };
});
const machine = { postgres: servers.postgresVersion, load: rounded(quantile(load, 0.5), 1) };
console.log(JSON.stringify({ bench: "job-latency", target: "P5", jobs, pauseMs, ...machine, results }, null, 2));
process.exit(0);

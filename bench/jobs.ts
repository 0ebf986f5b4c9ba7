// Question (P4): how many jobs a second does one process claim, attempt, complete and record, when the work is nothing and 100,000 are
// queued beforehand, on a Postgres that waits for the disk? And how many does it take in, 10,000 in each call?
// Method: each queue in a process and a database of its own, driven by the same code (bench/queues/); rounds in alternating order, the
// first of each, smaller one thrown away. A round fills the queue while nothing runs, then lets it run: from the first job's start
// until the store says that none is left. CPU from /proc, of the process and of Postgres or Redis with all its children. Medians.
// Peers: graphile-worker with its local queue and batched completion, in the settings that were cheapest here; the same without, as it is
// by default; BullMQ on Redis with an append-only file, which does not wait for the disk. All run on Bun; on Node they took as much CPU or
// more. Each deletes a job that succeeded and keeps no record of the attempt. Orrery keeps what was asked, each attempt, how it ended and
// why it was let in: `records` counts them.
// What would flatter it: work that lasts, as then every queue is fast enough; Orrery's batches with a payload of nothing; fsync off.
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { type Contender, startContender } from "./measure/contender.ts";
import { median, rounded } from "./measure/median.ts";
import { startServers } from "./measure/servers.ts";

const { values: flags } = parseArgs({
  options: {
    smoke: { type: "boolean", default: false },
    jobs: { type: "string", default: "100000" },
    rounds: { type: "string", default: "5" },
    /** Some of them only, by semicolon. */
    only: { type: "string" },
    /** JSON: of the peers, by `bench/queues/`, to look for their best. */
    settings: { type: "string", default: "{}" },
    /** Given to Orrery's runtime, such as --cpu-prof. */
    profile: { type: "string" },
  },
});
const jobs = flags.smoke ? 1000 : Number(flags.jobs);
const rounds = flags.smoke ? 1 : Number(flags.rounds);
/** Without its local queue it is ten times slower: fewer tell as much. */
const shares: Readonly<Record<string, number>> = { "graphile-worker, no local queue": 0.1 };
const names = ["orrery", "graphile-worker", "graphile-worker, no local queue", "bullmq"].filter(
  (name) => flags.only === undefined || flags.only.split(";").includes(name),
);

interface Round {
  readonly jobsPerS: number;
  readonly cpuMsPer1000: number;
  readonly processCpuMsPer1000: number;
  readonly storeCpuMsPer1000: number;
  readonly enqueuedPerS: number;
  readonly enqueueCpuMsPer1000: number;
}

async function round(queue: Contender, count: number): Promise<Round> {
  const filled = await queue.cpuOf(() => queue.order<number>("fill", count));
  const drained = await queue.cpuOf(() => queue.order<number>("drain", count));
  const each = (ms: number) => rounded((ms / count) * 1000, 2);
  return {
    jobsPerS: rounded((count / drained.result) * 1000),
    cpuMsPer1000: each(drained.processMs + drained.storeMs),
    processCpuMsPer1000: each(drained.processMs),
    storeCpuMsPer1000: each(drained.storeMs),
    enqueuedPerS: rounded((count / filled.result) * 1000),
    enqueueCpuMsPer1000: each(filled.processMs + filled.storeMs),
  };
}

const servers = await startServers();
const queues: Contender[] = [];
const measured = new Map<string, Round[]>(names.map((name) => [name, []]));
const records: Record<string, unknown> = {};
const load: number[] = [];
try {
  for (const name of names) {
    const isRedis = name === "bullmq";
    const url = isRedis ? servers.redisUrl : await servers.createDatabase();
    const storePid = isRedis ? servers.redisPid : servers.postgresPid;
    const execArgv = name === "orrery" && flags.profile ? [flags.profile] : [];
    queues.push(await startContender({ name, url, storePid, execArgv, settings: JSON.parse(flags.settings) }));
  }
  for (let i = 0; i <= rounds; i++) {
    const order = i % 2 === 0 ? queues : [...queues].reverse();
    for (const queue of order) {
      const count = Math.ceil(jobs * (shares[queue.name] ?? 1) * (i === 0 ? 0.2 : 1));
      const figures = await round(queue, count);
      if (i === 0) continue;
      load.push(loadavg()[0] ?? 0);
      measured.get(queue.name)?.push(figures);
      console.log(JSON.stringify({ bench: "jobs", queue: queue.name, round: i, jobs: count, ...figures }));
    }
  }
  for (const queue of queues) records[queue.name] = await queue.order("records");
} finally {
  for (const queue of queues) await queue.stop();
  await servers.stop();
}

const results = [...measured].map(([queue, all]) => {
  const of = (field: keyof Round): number => median(all.map((one) => one[field]));
  return {
    queue,
    jobsPerS: of("jobsPerS"),
    cpuMsPer1000: of("cpuMsPer1000"),
    processCpuMsPer1000: of("processCpuMsPer1000"),
    storeCpuMsPer1000: of("storeCpuMsPer1000"),
    enqueuedPerS: of("enqueuedPerS"),
    enqueueCpuMsPer1000: of("enqueueCpuMsPer1000"),
    records: records[queue],
  };
});
const machine = { postgres: servers.postgresVersion, load: rounded(median(load), 1) };
console.log(JSON.stringify({ bench: "jobs", target: "P4", jobs, rounds, ...machine, results }, null, 2));
process.exit(0);

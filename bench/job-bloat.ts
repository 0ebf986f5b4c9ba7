// Question: do the tables of the queue stay small while a million jobs go through, and what happens while somebody holds a transaction open?
// Method: one node with a function compute that does nothing; batches of 1,000 are enqueued over the API (no socket) whenever fewer than
// 20,000 wait, on a Postgres that waits for the disk, in its default settings (autovacuum looks once a minute). Every few seconds: dead and
// live rows of `job` by the statistics, the size of `job` and of each of its indexes, the size of what is append-only, jobs a second, and
// the gauge of /metrics. Then again while a second session holds a snapshot open for three minutes, as vacuum comes once a minute, and a
// while after it has gone.
// What would flatter it: a backlog of nothing, a queue that is emptied between samples, an autovacuum that looks more often.
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import postgres from "postgres";
import { quantile, rounded } from "./measure/median.ts";
import { startServers } from "./measure/servers.ts";
import { openOrrery } from "./queues/orrery.ts";

const { values: flags } = parseArgs({
  options: {
    smoke: { type: "boolean", default: false },
    jobs: { type: "string", default: "1000000" },
    backlog: { type: "string", default: "20000" },
    "sample-s": { type: "string", default: "5" },
    "hold-s": { type: "string", default: "180" },
    /** Of the run with a transaction held open: before, and after it. */
    "around-s": { type: "string", default: "60" },
  },
});
const jobs = flags.smoke ? 3000 : Number(flags.jobs);
const backlog = flags.smoke ? 1000 : Number(flags.backlog);
const sampleMs = flags.smoke ? 500 : Number(flags["sample-s"]) * 1000;
const holdMs = flags.smoke ? 1000 : Number(flags["hold-s"]) * 1000;
const aroundMs = flags.smoke ? 500 : Number(flags["around-s"]) * 1000;
const batch = Math.min(1000, backlog);

interface Sample {
  readonly s: number;
  readonly done: number;
  readonly jobsPerS: number;
  readonly deadRows: number;
  readonly liveRows: number;
  readonly jobKiB: number;
  readonly indexKiB: Readonly<Record<string, number>>;
  readonly appendOnlyMiB: number;
  readonly vacuums: number;
  readonly oldestXminS: number;
}

const servers = await startServers();
const url = await servers.createDatabase();
let started = 0;
let asked = 0;
const onStart = (): void => {
  started += 1;
};
const queue = await openOrrery({ url, settings: {}, onStart });
const sql = postgres(url, { max: 1, onnotice: () => {} });
const samples: Sample[] = [];
let lastDone = 0;
let lastMs = performance.now();
const beginMs = lastMs;

async function sample(phase: string): Promise<void> {
  const [row] = await sql<
    { dead: number; live: number; job: number; indexes: Record<string, number>; kept: number; vacuums: number }[]
  >`
    select n_dead_tup::int as dead, n_live_tup::int as live, (pg_relation_size('job') / 1024)::int as job, autovacuum_count::int as vacuums,
      (select json_object_agg(indexrelid::regclass, pg_relation_size(indexrelid) / 1024) from pg_index
        where indrelid = 'job'::regclass) as indexes,
      (select sum(pg_total_relation_size(relid)) / 1048576 from pg_partition_tree('job_record'))::int
        + (select sum(pg_total_relation_size(relid)) / 1048576 from pg_partition_tree('job_end'))::int
        + (select sum(pg_total_relation_size(relid)) / 1048576 from pg_partition_tree('attempt'))::int
        + (select sum(pg_total_relation_size(relid)) / 1048576 from pg_partition_tree('decision'))::int as kept
    from pg_stat_user_tables where relname = 'job'`;
  if (row === undefined) return;
  const nowMs = performance.now();
  const taken: Sample = {
    s: rounded((nowMs - beginMs) / 1000),
    done: started,
    jobsPerS: rounded(((started - lastDone) / (nowMs - lastMs)) * 1000),
    deadRows: row.dead,
    liveRows: row.live,
    jobKiB: row.job,
    indexKiB: row.indexes,
    appendOnlyMiB: row.kept,
    vacuums: row.vacuums,
    oldestXminS: rounded(await queue.gauge("orrery_database_oldest_xmin_age_seconds")),
  };
  [lastDone, lastMs] = [started, nowMs];
  samples.push(taken);
  console.log(JSON.stringify({ bench: "job-bloat", phase, ...taken }));
}

/** Keeps the backlog as it is until `isOver`, and takes samples. */
async function steady(phase: string, isOver: () => boolean): Promise<readonly Sample[]> {
  const from = samples.length;
  let isDone = false;
  const feeding = (async () => {
    while (!isOver()) {
      if (asked - started < backlog) {
        asked += batch;
        await queue.fill(batch);
      } else await sleep(5);
    }
    isDone = true;
  })();
  let nextMs = performance.now() + sampleMs;
  while (!isDone) {
    await sleep(20);
    if (performance.now() < nextMs) continue;
    nextMs += sampleMs;
    await sample(phase);
  }
  await feeding;
  await sample(phase);
  return samples.slice(from);
}

const after = (ms: number) => {
  const endMs = performance.now() + ms;
  return () => performance.now() >= endMs;
};

function summary(taken: readonly Sample[]): object {
  const most = (of: (one: Sample) => number) => Math.max(...taken.map(of));
  const indexKiB = (one: Sample) => Object.values(one.indexKiB).reduce((sum, size) => sum + size, 0);
  const jobsPerS = quantile(
    taken.map((one) => one.jobsPerS),
    0.5,
  );
  return {
    jobsPerS,
    deadRowsMax: most((one) => one.deadRows),
    jobMiBMax: rounded(most((one) => one.jobKiB) / 1024, 1),
    indexesMiBMax: rounded(most(indexKiB) / 1024, 1),
    jobMiBAtEnd: rounded((taken.at(-1)?.jobKiB ?? 0) / 1024, 1),
    oldestXminSMax: most((one) => one.oldestXminS),
    vacuums: (taken.at(-1)?.vacuums ?? 0) - (taken[0]?.vacuums ?? 0),
  };
}

const results: Record<string, object> = {};
try {
  await queue.begin();
  results.steady = summary(await steady("steady", () => asked >= jobs));
  results.before = summary(await steady("before", after(aroundMs / 2)));
  const holder = postgres(url, { max: 1, onnotice: () => {} });
  await holder.begin("isolation level repeatable read", async (held) => {
    await held`select 1 from job limit 1`;
    results.held = summary(await steady("held", after(holdMs)));
  });
  await holder.end();
  results.after = summary(await steady("after", after(aroundMs)));
  while (await queue.hasLeft()) await sleep(50);
  results.records = await queue.records();
} finally {
  await sql.end();
  await queue.stop();
  await servers.stop();
}
console.log(
  JSON.stringify({ bench: "job-bloat", jobs: asked, backlog, postgres: servers.postgresVersion, results }, null, 2),
);
process.exit(0);

// Question (P1, P2, P11): what does a request of the plan loop cost in CPU, server and Postgres together, how many a second is that, and
// does it stay so with the pages and with many stored plans?
// Method: bench/k6/plan-loop.js, 30 users without waits, on a fresh database each, rounds that alternate: the API alone; with the three
// pages on an empty store; with the three pages on a store of 22,000 plans. Postgres as it comes, fsync on, on the same machine as k6.
// What would flatter it: leaving Postgres out of the CPU, logs off, plans that are read only from memory. Nothing of that is done.
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import postgres from "postgres";
import { findK6, type LoadFigures, runK6 } from "./measure/k6.ts";
import { startNode } from "./measure/node.ts";

const { values: flags } = parseArgs({
  options: {
    smoke: { type: "boolean", default: false },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "20" },
    users: { type: "string", default: "30" },
    stored: { type: "string", default: "22000" },
    store: { type: "string", default: "postgres" },
    only: { type: "string" },
  },
});
const rounds = flags.smoke ? 1 : Number(flags.rounds);
const seconds = flags.smoke ? "2" : flags.seconds;
const stored = flags.smoke ? 500 : Number(flags.stored);
const server = flags.store === "postgres" ? (process.env.BENCH_DATABASE_URL ?? null) : null;
const k6 = findK6();

if (k6 === null) {
  console.log(JSON.stringify({ bench: "plan-loop", skipped: "k6 is not installed: go install go.k6.io/k6@latest" }));
  process.exit(0);
}
if (flags.store === "postgres" && server === null)
  throw new Error("Set BENCH_DATABASE_URL, or start it by: npm run bench -- plan-loop");

/** Plans as the API stores them, but made by SQL: 22,000 by HTTP would take longer than the measurement. */
async function store(databaseUrl: string, plans: number): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  await sql`
    with new as (select gen_random_uuid() as id, clock_timestamp() as at, n from generate_series(1, ${plans}::int) as n),
    head as (insert into dataset_head select id, 1, at from new),
    search as (insert into dataset_search select id, id || E'\n{"period":"2026-10"}', 'bkpf' from new),
    own as (insert into dataset select id, false, '{"period":"2026-10"}', 'bench', at from new)
    insert into product select id, gen_random_uuid(), 'cams', 'BKPF', '1.0.0', true, null, null, 'success', null, null, null,
      null, 'bench', at from new, generate_series(1, 11)`;
  // What loading leaves behind is not the load's: statistics, dirty pages, the backend's own CPU.
  await sql`vacuum analyze`;
  await sql`checkpoint`;
  await sql.end();
  await sleep(1000);
}

const cases: Record<string, { pages: string; plans: number }> = {
  "P1 api": { pages: "0", plans: 0 },
  "P2 pages, empty store": { pages: "1", plans: 0 },
  [`P2 pages, ${stored} plans`]: { pages: "1", plans: stored },
};
const results: ({ case: string; round: number } & LoadFigures)[] = [];
for (let round = 1; round <= rounds; round++) {
  for (const [name, { pages, plans }] of Object.entries(cases)) {
    if (flags.only !== undefined && !name.startsWith(flags.only)) continue;
    const node = await startNode(server);
    try {
      if (plans > 0 && node.databaseUrl) await store(node.databaseUrl, plans);
      const figures = await runK6(k6, "plan-loop.js", node, { USERS: flags.users, SECONDS: seconds, PAGES: pages });
      results.push({ case: name, round, ...figures });
      console.error(name, JSON.stringify(figures));
    } finally {
      await node.stop();
    }
  }
}
const failures = results.reduce((sum, result) => sum + result.failures, 0);
console.log(JSON.stringify({ bench: "plan-loop", store: flags.store, rounds, results }, null, 2));
if (failures > 0) throw new Error(`${failures} requests were not answered as expected`);

/**
 * Three nodes and four remote workers while a random one of them is killed every 2 s and the database every 10 s: every job ends
 * once, and the clients' ledgers equal the tables. `CHAOS_JOBS=n` says how many, `CHAOS_SEED=n` chooses the same victims.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { hasPostgres } from "../scripts/services/postgres.ts";
import { openDatabase } from "../src/store/open.ts";
import type { Database } from "../src/store/sql.ts";
import { assertAccounted, leftovers } from "./chaos/account.ts";
import { ChaosClient, crowdSize } from "./chaos/client.ts";
import { Disorder } from "./chaos/disorder.ts";
import { type ChaosFleet, clientNames, startFleet } from "./chaos/fleet.ts";
import { leaseMs, makeChaosPlace } from "./chaos/place.ts";
import { randomOf } from "./simulation/scheduler.ts";
import { quietLog } from "./support/database.ts";
import { until } from "./support/signal.ts";

const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);
const jobCount = Number(process.env.CHAOS_JOBS ?? 2_000);
/** As many a second as two cores get done beside all that is killed. */
const overMs = Math.max(30_000, jobCount * 12);
const planCount = Math.ceil(jobCount / 250);
/** Each of many jobs that are over at once, which nodes lease in bundles. */
const crowdCount = Math.ceil(jobCount / 500);
const drainMsMax = 60_000 + jobCount * 15;

const why = !hasPostgres()
  ? "Postgres' programs are not installed"
  : process.env.TEST_DATABASE_URL || process.env.CHAOS_JOBS
    ? false
    : "it is a part of npm run test:services";

async function drill(): Promise<void> {
  const random = randomOf(seed);
  const place = await makeChaosPlace();
  let fleet: ChaosFleet | null = null;
  let database: Database | null = null;
  try {
    fleet = await startFleet(place, 3, 4);
    const own = fleet;
    const clients: ChaosClient[] = [];
    for (const name of clientNames)
      clients.push(new ChaosClient(own, await own.token(name), randomOf(random() * 2 ** 32)));
    const disorder = new Disorder(own, place.postgres, randomOf(random() * 2 ** 32));
    const share = jobCount / clients.length;
    try {
      await Promise.all(
        clients.map((client) => client.run(share, planCount / clients.length, crowdCount / clients.length, overMs)),
      );
    } finally {
      await disorder.stop();
    }
    const healedMs = performance.now();
    database = await openDatabase(
      { databaseUrl: place.postgres.url, dataDir: "", maxConnections: 2, migrates: false },
      quietLog,
    );
    const { sql } = database;
    let left = 0;
    const isDrained = async (): Promise<boolean> => {
      own.check();
      const [row] = await sql<{ count: number }>`
        select (select count(*) from job where queue <> 'orrery')::int + (select count(*) from bundled_job)::int
          + (select count(*) from product where state <> 'success')::int as count`;
      left = row?.count ?? 0;
      return left === 0;
    };
    await until("every job has ended", isDrained, drainMsMax).catch(async (error: unknown) => {
      const rest = await leftovers(sql);
      const ids = [...rest.jobs.map(({ jobId }) => jobId), ...rest.products.map(({ productId }) => productId)];
      const lines = own.members.flatMap(({ call, log }) => log.split("\n").map((line) => `${call.name} ${line}`));
      const told = lines.filter((line) => ids.some((id) => line.includes(id))).slice(0, 100);
      throw new Error(`${left} are left: ${JSON.stringify(rest, null, 1)}\n${told.join("\n")}`, { cause: error });
    });
    const drainedMs = performance.now() - healedMs;
    await Promise.all(clients.map((client) => client.askAgain()));

    const ledger = clients.flatMap((client) => client.ledger);
    const plans = clients.flatMap((client) => client.plans);
    const account = await assertAccounted(sql, ledger, plans, place.witnessed());
    const crowds = clients.reduce((count, client) => count + client.crowds, 0);
    assert.equal(account.jobs, jobCount + crowds * crowdSize);
    const { done } = disorder;
    const met = clients
      .map((client) => client.met)
      .reduce((a, b) => ({
        unanswered: a.unanswered + b.unanswered,
        refused: a.refused + b.refused,
        askedAgain: a.askedAgain + b.askedAgain,
      }));
    console.log(JSON.stringify({ seed, ...account, ...done, ...met, drainedS: Math.round(drainedMs / 100) / 10 }));
    const { nodeKills, workerKills, freezes, restarts } = done;
    const faults = { kills: nodeKills + workerKills, freezes, restarts, lost: account.lost };
    for (const [what, times] of Object.entries({ ...faults, ...met })) assert.ok(times > 0, `never met: ${what}`);

    // What lives ends in good order when it is told to.
    own.check();
    const nodes = own.members.filter(({ call }) => call.kind === "node");
    for (const worker of own.members.filter(({ call }) => call.kind === "worker")) await worker.stop();
    assert.deepEqual(
      await Promise.all(nodes.map((node) => node.stop())),
      nodes.map(() => 0),
    );
  } catch (error) {
    if (process.env.CHAOS_LOGS)
      for (const { call, log } of fleet?.members ?? [])
        writeFileSync(`${process.env.CHAOS_LOGS}/${call.name}.log`, log);
    throw new Error(`CHAOS_SEED=${seed} chooses the same victims`, { cause: error });
  } finally {
    for (const member of fleet?.members ?? []) await member.kill();
    await database?.close();
    await place.remove();
  }
}

describe(`${jobCount} jobs while processes and the database are killed`, { skip: why }, () => {
  it(
    `all end once, and the ledgers equal the tables (lease ${leaseMs / 1000} s)`,
    { timeout: overMs + drainMsMax + 120_000 },
    drill,
  );
});

/**
 * Real nodes under load from several clients, killed with SIGKILL again and again on one store: nothing acknowledged is missing,
 * nothing is applied twice. `CRASH_SEED=n` chooses the moments and the requests once more.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { openDatabase } from "../src/store/open.ts";
import { assertAccounted } from "./crash/account.ts";
import { Fleet } from "./crash/fleet.ts";
import { Load } from "./crash/load.ts";
import { randomOf } from "./simulation/scheduler.ts";
import { makeDatabasePlace, quietLog } from "./support/database.ts";

const kills = 20;
const seed = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);

/** Kills one node at a time while clients go on, on whichever serves; the last kill takes all of them. */
async function killAgainAndAgain(fleet: Fleet, load: Load, random: () => number): Promise<void> {
  for (let kill = 1; kill < kills; kill++) {
    await load.acknowledge(10 + Math.floor(random() * 150));
    const at = Math.floor(random() * fleet.size);
    await fleet.kill(at, random() * 10);
    if (random() < 0.2) {
      kill += 1;
      await fleet.startInVain(at, random() * 1000);
    }
    await fleet.start(at);
    load.addDataset();
    await load.plans();
  }
  await load.acknowledge(100);
  await load.stop();
}

async function survive(size: number): Promise<void> {
  const random = randomOf(seed);
  const place = await makeDatabasePlace();
  const fleet = new Fleet(size, place);
  try {
    // The very first start is one that ends too soon.
    await fleet.startInVain(0, random() * 1000);
    for (let at = 0; at < size; at++) await fleet.start(at);
    const load = new Load(fleet, seed);
    await killAgainAndAgain(fleet, load, random);
    const shown = await load.plans();
    await fleet.killAll();
    const database = await openDatabase(
      { ...place, dataDir: join(place.dataDir, "node-0"), maxConnections: 2 },
      quietLog,
    );
    try {
      const { events, untold } = await assertAccounted(database.sql, load.ledger, shown);
      assert(events > kills * 10, `only ${events} events`);
      // Embedded, a statement blocks the whole process: the answer to what was stored is nearly always out before it dies.
      if (database.kind === "postgres") assert(untold > 0 && untold < load.met.unknown, `${untold} untold`);
    } finally {
      await database.close();
    }
    const { unknown, resent, answeredAgain, inParallel, read } = load.met;
    const met = { unknown, resent, answeredAgain, read, ...(size > 1 && { inParallel }) };
    for (const [what, times] of Object.entries(met)) assert(times > 0, `never met: ${what}`);
  } catch (error) {
    throw new Error(`CRASH_SEED=${seed} chooses the same moments and requests`, { cause: error });
  } finally {
    await fleet.killAll();
    await place.remove();
  }
}

const timeout = 240_000;

describe(`a node killed ${kills} times under load`, () => {
  it("keeps what it acknowledged, once, on one store", { timeout }, () => survive(1));
});

describe(`two nodes on one database, killed ${kills} times between them`, {
  skip: process.env.TEST_DATABASE_URL ? false : "TEST_DATABASE_URL is not set: the embedded store has one node",
}, () => {
  it("keep what either acknowledged, once, while clients go on with the other", { timeout }, () => survive(2));
});

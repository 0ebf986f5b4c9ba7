/** What goes when a ship keeps too much or for too long, what stays, and that a stop in the middle harms nothing. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { retain, type ShipRetentionParts } from "../src/history/ship-retention.ts";
import { instantOf, systemClock } from "../src/model/clock.ts";
import type { PassRow, PassState } from "../src/model/pass.ts";
import { defaultRetention, noQuota, type ShipQuota, type ShipRetention } from "../src/model/tenancy.ts";
import { createLog } from "../src/observe/log.ts";
import { findDecoded, saveDecoded } from "../src/store/decoded-passes.ts";
import { archiveUsage, markRemoved } from "../src/store/kept-passes.ts";
import { planPasses } from "../src/store/pass-plan.ts";
import { saveShip } from "../src/store/ships.ts";
import { type GroundSite, openGroundSite } from "./support/ground.ts";

const dayMs = 86_400_000;
const log = createLog("silent");
const rules = { policy: "reject", portMin: 20_000, portMax: 20_999, by: "test" } as const;

let site: GroundSite;
let parts: ShipRetentionParts;
before(async () => {
  site = await openGroundSite();
  const { telemetry, dataDir, database } = site;
  parts = { sql: database.sql, telemetry, dataDir, clock: systemClock, log };
});
after(() => site.close());

async function newShip(limits: { quota?: Partial<ShipQuota>; retention?: Partial<ShipRetention> }): Promise<string> {
  const ship = `ship-${randomUUID()}`;
  await saveShip(site.database.sql, {
    ...{ ship, format: "ccsds", definition: null, by: "test", at: systemClock.now() },
    quota: { ...noQuota, ...limits.quota },
    retention: { ...defaultRetention, ...limits.retention },
  });
  return ship;
}

const suffixes = ["ccsds", "ccsds.definition.json", "csv", "history", "parquet", "sha256"];

/** A pass that ended so many days ago, with an archive of 1,000 octets and what lies beside it. */
async function archivedPass(ship: string, daysAgo: number, state: PassState = "completed"): Promise<PassRow> {
  const { sql } = site.database;
  const losMs = Date.now() - daysAgo * dayMs;
  const order = {
    ...{
      passId: randomUUID(),
      ship,
      station: null,
      host: "127.0.0.1",
      port: null,
      template: null,
      flows: [],
      priority: 0,
    },
    ...{
      aos: instantOf(losMs - 60_000),
      los: instantOf(losMs),
      prepassMarginMs: 0,
      drainMarginMs: 0,
      requestDigest: "",
    },
  };
  const [planned] = (await planPasses(sql, [order], { ...rules, at: systemClock.now() })).passes;
  assert.ok(planned);
  const folder = join(site.dataDir, "archive", ship);
  await mkdir(folder, { recursive: true });
  for (const suffix of suffixes) await writeFile(join(folder, `${planned.passId}.${suffix}`), "x".repeat(100));
  const path = join(folder, `${planned.passId}.ccsds`);
  const archive = JSON.stringify({ path, format: "ccsds", sha256: "00", sizeBytes: 100, packets: 1 });
  await sql`update pass set state = ${state}, token = 1, archive = ${archive}, kept_bytes = 1000
    where pass_id = ${planned.passId}::uuid`;
  const file = (kind: string) => ({ path: join(folder, `${planned.passId}.${kind}`), sha256: "00", sizeBytes: 100 });
  const [history, csv, parquet] = [file("history"), file("csv"), file("parquet")];
  const lease = { passId: planned.passId, token: 1 };
  await saveDecoded(sql, lease, { fromMs: losMs - 60_000, toMs: losMs, history, csv, parquet });
  return site.pass(planned.passId);
}

async function filesOf({ passId, ship }: PassRow): Promise<string[]> {
  const names = await readdir(join(site.dataDir, "archive", ship));
  return names
    .filter((name) => name.startsWith(passId))
    .map((name) => name.slice(passId.length + 1))
    .sort();
}

const isGone = async (pass: PassRow): Promise<boolean> => {
  const files = await filesOf(pass);
  const { archiveRemovedAt } = await site.pass(pass.passId);
  const decoded = await findDecoded(site.database.sql, pass.passId);
  if (files.length > 0) assert.deepEqual([files, archiveRemovedAt, decoded === null], [suffixes, null, false]);
  else assert.deepEqual([archiveRemovedAt !== null, decoded], [true, null]);
  return files.length === 0;
};

const gone = (passes: readonly PassRow[]): Promise<boolean[]> => Promise.all(passes.map(isGone));

describe("archives by age", () => {
  it("go with all that lies beside them once their ship's days are over; rows stay, and others' files", async () => {
    const [brief, forever] = [await newShip({ retention: { archiveDays: 30 } }), await newShip({})];
    const passes = [
      await archivedPass(brief, 31),
      await archivedPass(brief, 29),
      await archivedPass(forever, 4_000),
      await archivedPass(brief, 40, "cancelled"),
      await archivedPass(brief, 50, "receiving"),
    ];
    await retain(parts);
    assert.deepEqual(await gone(passes), [true, false, false, true, false]);
    const [first] = passes;
    const row = await site.pass(first?.passId ?? "");
    assert.equal(row.state, "completed");
    assert.equal(row.archive?.sizeBytes, 100, "what it was is still told");
    assert.match(row.archiveRemovedWhy ?? "", /archive_days/);
    assert.deepEqual(await archiveUsage(parts.sql, brief), { bytes: 2000, archives: 2 });
    await retain(parts);
    assert.equal((await site.pass(row.passId)).archiveRemovedAt, row.archiveRemovedAt);
  });

  it("are left to the node whose data directory has them", async () => {
    const pass = await archivedPass(await newShip({ retention: { archiveDays: 1 } }), 2);
    const elsewhere = await mkdtemp(join(tmpdir(), "orrery-elsewhere-"));
    await retain({ ...parts, dataDir: elsewhere });
    assert.equal(await isGone(pass), false);
    await Promise.all([retain(parts), retain(parts), retain({ ...parts, dataDir: elsewhere })]);
    assert.equal(await isGone(pass), true);
    await rm(elsewhere, { recursive: true });
  });

  it("go in the end when whoever removed them was killed, wherever that was", async () => {
    const ship = await newShip({ retention: { archiveDays: 1 } });
    const [marked, halfway, unnoted] = [
      await archivedPass(ship, 2),
      await archivedPass(ship, 3),
      await archivedPass(ship, 4),
    ];
    const folder = join(site.dataDir, "archive", ship);
    for (const { passId } of [marked, halfway, unnoted])
      assert.equal(await markRemoved(parts.sql, { passId, why: "a test", at: systemClock.now() }), true);
    for (const suffix of ["csv", "sha256"]) await rm(join(folder, `${halfway.passId}.${suffix}`));
    for (const suffix of suffixes) await rm(join(folder, `${unnoted.passId}.${suffix}`));
    assert.deepEqual(await archiveUsage(parts.sql, ship), { bytes: 0, archives: 0 });
    await retain(parts);
    assert.deepEqual(await gone([marked, halfway, unnoted]), [true, true, true]);
    await retain(parts);
  });

  it("take no file with them that is not theirs, whatever the row says", async () => {
    const ship = await newShip({ retention: { archiveDays: 1 } });
    const outside = await mkdtemp(join(tmpdir(), "orrery-outside-"));
    const [elsewhere, named, linked] = [
      await archivedPass(ship, 2),
      await archivedPass(ship, 2.5),
      await archivedPass(ship, 3),
    ];
    const neighbour = await archivedPass(ship, 0.5);
    const point = (pass: PassRow, path: string) =>
      parts.sql`update pass set archive = ${JSON.stringify({ ...pass.archive, path })} where pass_id = ${pass.passId}::uuid`;
    const secret = join(outside, `${elsewhere.passId}.ccsds`);
    await writeFile(secret, "secret");
    await point(elsewhere, join(site.dataDir, "archive", "..", "..", basename(outside), basename(secret)));
    await point(named, neighbour.archive?.path ?? "");
    await symlink(outside, join(site.dataDir, "archive", "linked"));
    await writeFile(join(outside, `${linked.passId}.ccsds`), "secret");
    await point(linked, join(site.dataDir, "archive", "linked", `${linked.passId}.ccsds`));
    await retain(parts);
    assert.deepEqual((await readdir(outside)).sort(), [`${elsewhere.passId}.ccsds`, `${linked.passId}.ccsds`].sort());
    assert.deepEqual(await filesOf(neighbour), suffixes);
    for (const pass of [elsewhere, named, linked]) assert.equal((await site.pass(pass.passId)).archiveRemovedAt, null);
    await rm(outside, { recursive: true });
  });
});

describe("what unfinished plans read", () => {
  const states = { queued: false, running: false, waiting: false, success: true, failed: true } as const;

  it("stays until no product can go on by itself", async () => {
    const ship = await newShip({ retention: { archiveDays: 1 } });
    const { sql } = parts;
    const planned = async (daysAgo: number, products: readonly string[] | null): Promise<PassRow> => {
      const pass = await archivedPass(ship, daysAgo);
      const datasetId = randomUUID();
      await sql`update pass set dataset_id = ${datasetId}::uuid where pass_id = ${pass.passId}::uuid`;
      if (products === null) return pass;
      await sql`insert into dataset (dataset_id, paused, modified_by, modified_at) values (${datasetId}::uuid, false, 'test', now())`;
      for (const state of products)
        await sql`
          insert into product (dataset_id, product_id, compute, name, version, eager, state, modified_by, modified_at)
          values (${datasetId}::uuid, ${randomUUID()}::uuid, 'external', 'p', '1', true, ${state}, 'test', now())`;
      return pass;
    };
    for (const [state, goes] of Object.entries(states)) {
      const pass = await planned(2, [state, "success"]);
      await retain(parts);
      assert.equal(await isGone(pass), goes, state);
    }
    const stuck = await planned(2, ["failed", "waiting"]);
    const [notYet, never] = [await planned(1.5, null), await planned(3, null)];
    await sql`update pass set los = now() - interval '2 hours' where pass_id = ${notYet.passId}::uuid`;
    await sql`update ship set archive_days = 0.01 where ship = ${ship}`;
    await retain(parts);
    assert.deepEqual(await gone([stuck, notYet, never]), [true, false, true]);
  });
});

describe("a ship's quota of what it keeps", () => {
  it("takes the oldest archives until it is kept, and no pass under way", async () => {
    const ship = await newShip({ quota: { bytesKept: 2_500 } });
    const passes = [
      await archivedPass(ship, 1),
      await archivedPass(ship, 4),
      await archivedPass(ship, 3),
      await archivedPass(ship, 2),
      await archivedPass(ship, 9, "draining"),
    ];
    const other = await archivedPass(await newShip({}), 10);
    await retain(parts);
    // 5,000 octets: the three oldest go, as one that is under way may not.
    assert.deepEqual(await gone(passes), [false, true, true, true, false]);
    assert.equal(await isGone(other), false);
    assert.match((await site.pass(passes[1]?.passId ?? "")).archiveRemovedWhy ?? "", /bytes_kept/);
    await retain(parts);
    assert.deepEqual(await gone(passes), [false, true, true, true, false]);
  });

  it("takes copies in the hot store first, as nothing is lost with them", async () => {
    const ship = await newShip({ quota: { bytesKept: 2_000 } });
    const passes = [await archivedPass(ship, 2), await archivedPass(ship, 1)];
    const stored = { ship, passId: passes[1]?.passId ?? "", token: 1 };
    const writer = await site.telemetry.open(stored);
    await writer.append({ packets: 1, bytes: 500, payload: new Uint8Array(516) });
    await writer.close();
    await site.telemetry.release(stored, dayMs);
    assert.ok((await site.telemetry.trim(ship)) >= 516);
    await retain(parts);
    assert.equal(await site.telemetry.trim(ship), 0);
    assert.deepEqual(await gone(passes), [false, false]);
  });

  it("leaves older ones to the node that has them, and takes no younger one in their stead", async () => {
    const ship = await newShip({ quota: { bytesKept: 1_500 } });
    const [theirs, ours] = [await archivedPass(ship, 2), await archivedPass(ship, 1)];
    const path = `/data/elsewhere/archive/${ship}/${theirs.passId}.ccsds`;
    await parts.sql`update pass set archive = ${JSON.stringify({ ...theirs.archive, path })} where pass_id = ${theirs.passId}::uuid`;
    await retain(parts);
    assert.equal(await isGone(ours), false);
  });
});

describe("counters over time", () => {
  it("go with their ship's days, and after 90 without", async () => {
    const { sql } = parts;
    const [brief, long, plain] = [
      await newShip({ retention: { snapshotDays: 1 } }),
      await newShip({ retention: { snapshotDays: 1_000 } }),
      await newShip({}),
    ];
    const passes = [
      await archivedPass(brief, 2),
      await archivedPass(brief, 0.5),
      await archivedPass(long, 400),
      await archivedPass(plain, 91),
      await archivedPass(plain, 89),
      await archivedPass(brief, 5, "receiving"),
    ];
    for (const { passId, los } of passes)
      await sql`insert into pass_snapshot (pass_id, at, token, counters)
        select ${passId}::uuid, ${los}::timestamptz - n * interval '5 seconds', 1, '{}' from generate_series(1, 700) n`;
    await retain(parts);
    const left = await Promise.all(
      passes.map(async ({ passId }) => {
        const [row] = await sql<{ n: number }>`select count(*) as n from pass_snapshot where pass_id = ${passId}::uuid`;
        return row?.n;
      }),
    );
    assert.deepEqual(left, [0, 700, 700, 0, 700, 700]);
  });
});

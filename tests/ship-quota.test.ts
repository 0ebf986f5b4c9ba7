/** What a ship may use: packets a second on its port, octets in the hot store; dropped and counted, to the packet. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { buildPacket } from "../src/ground/ccsds.ts";
import type { LedgerJson } from "../src/ground/ledger-json.ts";
import { systemClock } from "../src/model/clock.ts";
import type { PassRow } from "../src/model/pass.ts";
import { noQuota } from "../src/model/tenancy.ts";
import { createMetrics } from "../src/observe/metrics.ts";
import { findProgress } from "../src/store/pass-progress.ts";
import { saveShip } from "../src/store/ships.ts";
import { type GroundSite, openGroundSite, sendTo } from "./support/ground.ts";
import { until } from "./support/signal.ts";

const packets = (from: number, to: number, dataBytes = 20): Uint8Array[] =>
  Array.from({ length: to - from }, (_, i) =>
    buildPacket({ apid: 100, sequenceCount: from + i, data: new Uint8Array(dataBytes) }),
  );

const metrics = createMetrics();
let site: GroundSite;
before(async () => {
  site = await openGroundSite();
  await site.node({ metrics });
});
after(() => site.close());

async function ledgerOf(passId: string): Promise<LedgerJson> {
  const progress = (await findProgress(site.database.sql, [passId])).get(passId);
  assert.ok(progress, "nothing is noted of the pass");
  return JSON.parse(progress.ledger);
}

/** A hundred at a time, each hundred once the one before was read: a small receive buffer on a busy machine loses none. */
async function sendSeen({ passId, port }: PassRow, all: readonly Uint8Array[]): Promise<void> {
  for (let from = 0; from < all.length; from += 100) {
    const part = all.slice(from, from + 100);
    await sendTo(port, part);
    const isRead = () => (site.nodes()[0]?.live(passId)?.ledger.datagrams ?? 0) >= from + part.length;
    await until("read", isRead);
  }
}

/** Until the pass is over; its ledger, which balances. */
async function ended(passId: string): Promise<LedgerJson> {
  await site.reaches(passId, "completed");
  const ledger = await ledgerOf(passId);
  const rejected = Object.values(ledger.rejected).reduce((sum, count) => sum + count, 0);
  const { idle, duplicates, queue_drops, store_drops, stored } = ledger;
  assert.equal(ledger.received, idle + rejected + duplicates + queue_drops + store_drops + stored);
  return ledger;
}

describe("a ship's quota of packets a second", () => {
  it("drops what is over it, counts that as over_quota, and leaves other ships alone", async () => {
    const [noisy, quiet] = [
      await site.plan({ seconds: 9, quota: { packetsPerS: 100 } }),
      await site.plan({ seconds: 9 }),
    ];
    await Promise.all([site.reaches(noisy.passId, "receiving"), site.reaches(quiet.passId, "receiving")]);
    const startMs = performance.now();
    await Promise.all([sendSeen(noisy, packets(0, 1000)), sendSeen(quiet, packets(0, 1000))]);
    const tookS = (performance.now() - startMs) / 1000 + 1;
    const [loud, still] = [await ended(noisy.passId), await ended(quiet.passId)];

    assert.equal(loud.datagrams + (loud.kernel_drops ?? 0), 1000);
    assert.equal(loud.received, 1000);
    // What came at once, and what the seconds since then gave; the last ones may have been read a second after they were sent.
    assert.ok(loud.stored >= 100 && loud.stored <= 101 + tookS * 100, `${loud.stored} were stored in ${tookS} s`);
    assert.equal(loud.rejected.over_quota, 1000 - loud.stored);
    assert.ok(loud.missing <= loud.rejected.over_quota, "what was dropped is not upstream's");
    assert.equal(loud.upstream, 0);
    assert.deepEqual([still.stored, still.missing, still.rejected.over_quota], [1000, 0, 0]);
    const text = await metrics.text();
    assert.match(
      text,
      new RegExp(`orrery_packets_total\\{ship="${noisy.ship}",outcome="over_quota"\\} ${loud.rejected.over_quota}\\n`),
    );
  });

  it("is taken up within seconds by a pass that receives, and lifted", async () => {
    const pass = await site.plan({ seconds: 12, format: "raw" });
    await site.reaches(pass.passId, "receiving");
    const limit = (packetsPerS: number | null) => {
      const quota = { ...noQuota, packetsPerS };
      const ship = { ship: pass.ship, format: "raw", definition: null, quota, by: "test" } as const;
      return saveShip(site.database.sql, { ...ship, at: systemClock.now() });
    };
    const over = async (): Promise<number> => (await ledgerOf(pass.passId)).rejected.over_quota;
    await sendTo(pass.port, packets(0, 50));
    await limit(1);
    await until("limited", async () => {
      await sendTo(pass.port, packets(0, 5));
      return (await over()) > 0;
    });
    await limit(null);
    await until("lifted", async () => {
      const before = site.nodes()[0]?.live(pass.passId)?.ledger;
      await sendTo(pass.port, packets(0, 5));
      await until("seen", () => {
        const now = site.nodes()[0]?.live(pass.passId)?.ledger;
        return Promise.resolve((now?.datagrams ?? 0) >= (before?.datagrams ?? 0) + 5);
      });
      const now = site.nodes()[0]?.live(pass.passId)?.ledger;
      return now?.rejected.over_quota === before?.rejected.over_quota;
    });
    const ledger = await ended(pass.passId);
    assert.equal(ledger.stored, ledger.received - ledger.rejected.over_quota);
  });
});

describe("a ship's room in the hot store", () => {
  it("ends in store drops that the ledger counts, and is there again when the pass is archived", async () => {
    const hotBytes = 120_000;
    const first = await site.plan({ seconds: 4, quota: { hotBytes } });
    await site.reaches(first.passId, "receiving");
    await sendSeen(first, packets(0, 400, 400));
    const ledger = await ended(first.passId);
    assert.ok(ledger.store_drops > 0 && ledger.stored > 0, `${ledger.stored} stored, ${ledger.store_drops} dropped`);
    assert.equal(ledger.stored + ledger.store_drops, 400);
    assert.ok((await site.telemetry.trim(first.ship)) <= hotBytes);
    assert.equal((await site.pass(first.passId)).archive?.packets, ledger.stored);

    await until("its node lets it go", async () => site.nodes()[0]?.live(first.passId) === null);
    const second = await site.plan({ seconds: 4, ship: first.ship, quota: { hotBytes } });
    await site.reaches(second.passId, "receiving");
    await sendTo(second.port, packets(0, 50, 400));
    const next = await ended(second.passId);
    assert.deepEqual([next.stored, next.store_drops], [50, 0]);
  });
});

/** Where a new holder of a pass begins: what earlier ones stored is known to the packet, though none of them said goodbye. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { buildPacket } from "../src/ground/ccsds.ts";
import { Intake } from "../src/ground/intake.ts";
import { PassRecord } from "../src/ground/pass-record.ts";
import { type Start, startOf } from "../src/ground/resume.ts";
import { systemClock } from "../src/model/clock.ts";
import type { PassRow } from "../src/model/pass.ts";
import { takePasses } from "../src/store/pass-leases.ts";
import { type GroundSite, openGroundSite } from "./support/ground.ts";
import { until } from "./support/signal.ts";

const packet = (count: number): Uint8Array =>
  buildPacket({ apid: 5, sequenceCount: count, data: new Uint8Array([count & 255, 1]) });
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** A holder as the schedule makes one, but that it is handed its packets, an entry each time. */
async function hold(site: GroundSite, passId: string) {
  const { sql } = site.database;
  let pass: PassRow | undefined;
  await until("taken", async () => {
    const ask = { nodeId: crypto.randomUUID(), leaseMs: 1, hosts: ["127.0.0.1"], held: [], countMax: 1 };
    pass = (await takePasses(sql, ask)).find((taken) => taken.pass.passId === passId)?.pass;
    return pass !== undefined;
  });
  assert.ok(pass);
  const start: Start = await startOf(pass, { format: "ccsds", definition: null }, { sql, telemetry: site.telemetry });
  const intake = new Intake({
    ...{ ledger: start.ledger, telemetry: site.telemetry, trail: start.trail },
    stream: { ship: pass.ship, passId, token: pass.token },
    rules: { format: "ccsds", packetSizeMax: 100, hasCrc: () => false },
    observer: { stored() {}, settled() {}, rejected() {}, dropped() {}, sealed() {} },
  });
  const record = new PassRecord({ sql, clock: systemClock, pass, intake, start });
  return {
    start,
    save: () => record.save(),
    async take(counts: readonly number[]): Promise<void> {
      const bytes = Buffer.concat(counts.map(packet));
      const ends = Uint32Array.from(counts, (_, i) => (i + 1) * 8);
      await intake.take({
        bytes,
        count: counts.length,
        ends,
        arrivedMs: new Float64Array(counts.length).fill(Date.now()),
      });
    },
    ledger: () => intake.ledger.json(),
    async lost(): Promise<void> {
      await intake.close(); // its stream's file; nothing of it is noted
    },
  };
}

describe("a pass whose holders were lost", () => {
  it("knows the silence between two of them, though the second was lost before it noted anything", async () => {
    const site = await openGroundSite();
    const { passId } = await site.plan({ inMs: 0, seconds: 60 });
    const first = await hold(site, passId);
    await first.take(range(0, 10));
    await first.lost();
    const second = await hold(site, passId);
    await second.take(range(15, 20));
    await second.take(range(22, 25));
    await second.lost();
    const { ledger } = (await hold(site, passId)).start;
    const json = ledger.json();
    assert.deepEqual([json.stored, json.missing, json.outage, json.upstream], [18, 7, 5, 2]);
    await site.close();
  });

  it("knows copies of what was stored long before in small entries, by several holders", async () => {
    const site = await openGroundSite();
    const { passId } = await site.plan({ inMs: 0, seconds: 60 });
    const first = await hold(site, passId);
    for (const count of range(0, 80)) await first.take([count]);
    assert.equal(await first.save(), true);
    await first.lost();
    const second = await hold(site, passId);
    for (const count of range(80, 160)) await second.take([count]);
    assert.equal(await second.save(), true);
    await second.lost();
    const third = await hold(site, passId);
    await third.take(range(0, 161));
    const json = third.ledger();
    assert.deepEqual([json.stored, json.duplicates, json.conflicts], [161, 160, 0]);
    await third.lost();
    await site.close();
  });
});

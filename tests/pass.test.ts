/** Passes end to end: real UDP, a real store, real telemetry; the ledger held against what was sent. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { buildPacket, idleApid } from "../src/ground/ccsds.ts";
import { datasetOfPass } from "../src/ground/completion.ts";
import type { LedgerJson } from "../src/ground/ledger-json.ts";
import { parsePacketYaml } from "../src/ground/packet-definition.ts";
import type { SentApid } from "../src/ground/sent-account.ts";
import { sendSimulation } from "../src/ground/sim-sender.ts";
import { ShipSimulation } from "../src/ground/simulator.ts";
import type { PassRow } from "../src/model/pass.ts";
import { planPasses } from "../src/store/pass-plan.ts";
import { findProgress } from "../src/store/pass-progress.ts";
import { cancelPass } from "../src/store/passes.ts";
import type { Database } from "../src/store/sql.ts";
import { cuttable } from "./support/cut-link.ts";
import { type GroundSite, openGroundSite, sendTo } from "./support/ground.ts";
import { jobsOfSource } from "./support/job-rows.ts";
import { until } from "./support/signal.ts";

const packet = (sequenceCount: number, apid = 100): Uint8Array =>
  buildPacket({ apid, sequenceCount, data: new Uint8Array(20).fill(sequenceCount % 251) });

const packets = (from: number, to: number): Uint8Array[] =>
  Array.from({ length: to - from }, (_, i) => packet(from + i));

async function ledgerOf({ database }: { database: Database }, passId: string): Promise<LedgerJson> {
  const progress = (await findProgress(database.sql, [passId])).get(passId);
  assert.ok(progress, "nothing is noted of the pass");
  return JSON.parse(progress.ledger);
}

function assertBalanced(ledger: LedgerJson): void {
  const rejected = Object.values(ledger.rejected).reduce((sum, count) => sum + count, 0);
  const { idle, duplicates, queue_drops, store_drops, stored } = ledger;
  assert.equal(ledger.received, idle + rejected + duplicates + queue_drops + store_drops + stored);
}

describe("a pass", () => {
  let site: GroundSite;
  before(async () => {
    site = await openGroundSite();
    await site.node();
  });
  after(() => site.close());

  it("receives what is sent between AOS and LOS, and ends with its ledger, its archive and its plan asked for once", async () => {
    const planned = await site.plan({ inMs: 3_000, prepassMarginMs: 2_900, seconds: 3, template: "products" });
    const receiving = await site.reaches(planned.passId, "receiving");
    if (process.platform === "linux") assert.ok((receiving.receiveBufferBytes ?? 0) > 0, "the buffer was not noted");
    await sendTo(planned.port, packets(0, 1000));
    const pass = await site.reaches(planned.passId, "completed");

    const ledger = await ledgerOf(site, pass.passId);
    assertBalanced(ledger);
    assert.deepEqual([ledger.received, ledger.stored, ledger.missing, ledger.completeness], [1000, 1000, 0, 1]);
    assert.equal(ledger.outage_ms, 0);
    assert.equal(pass.datasetId, datasetOfPass(pass.passId));
    assert.ok(pass.archive);
    const bytes = await readFile(pass.archive.path);
    assert.equal(bytes.length, 1000 * 26);
    assert.equal(createHash("sha256").update(bytes).digest("hex"), pass.archive.sha256);
    assert.deepEqual(await site.telemetry.count(pass.ship), { packets: 1000, bytes: 26_000 });
    const jobs = await jobsOf(site, pass);
    assert.equal(jobs.length, 1);
    const { templateId, datasetId, params } = JSON.parse(jobs[0] ?? "");
    assert.deepEqual([templateId, datasetId], ["products", pass.datasetId]);
    assert.equal(params.telemetry.path, pass.archive.path);
    assert.equal(params.ledger.stored, 1000);
  });

  it("keeps a ledger that agrees with the sender to the packet: lost, twice, out of order, corrupted, idle", async () => {
    const yaml = await readFile(new URL("../examples/mission/packets.yaml", import.meta.url), "utf8");
    const planned = await site.plan({ seconds: 4, definition: JSON.stringify(parsePacketYaml(yaml)) });
    await site.reaches(planned.passId, "receiving");
    const link = { lose: 0.05, duplicate: 0.05, reorder: 0.05, corrupt: 0.05, idle: 0.05 };
    const ship = new ShipSimulation({ ...link, seed: 42, ship: 0, orbitS: 60, sizeBytes: null });
    const { ships } = await sendSimulation({
      host: "127.0.0.1",
      ports: [planned.port],
      ships: [ship],
      ratePerS: 500,
      seconds: 3,
    });
    const sent = ships[0];
    assert.ok(sent);
    await site.reaches(planned.passId, "completed");
    const ledger = await ledgerOf(site, planned.passId);
    assertBalanced(ledger);
    assert.equal(ledger.datagrams + (ledger.kernel_drops ?? 0), sent.datagrams);
    assert.equal(ledger.idle, sent.idle);
    for (const [reason, count] of Object.entries(sent.corrupted)) {
      assert.equal(ledger.rejected[reason as keyof LedgerJson["rejected"]], count, reason);
    }
    for (const account of sent.apids) {
      const own = ledger.apids.find(({ apid }) => apid === account.apid);
      assert.ok(own, `APID ${account.apid}`);
      assert.deepEqual(
        { stored: own.stored, duplicates: own.duplicates, out_of_order: own.out_of_order, missing: own.missing },
        expectedOf(account),
        `APID ${account.apid}`,
      );
    }
  });

  it("counts garbage by its reason, stores none of it, and goes on", async () => {
    const planned = await site.plan({ seconds: 3 });
    await site.reaches(planned.passId, "receiving");
    const wrongVersion = packet(1);
    wrongVersion[0] = 0xe0;
    const cutShort = packet(2).subarray(0, 12);
    const idle = buildPacket({ apid: idleApid, sequenceCount: 0, data: new Uint8Array(4) });
    await sendTo(planned.port, [new Uint8Array(0), new Uint8Array(3), wrongVersion, cutShort, idle, packet(3)]);
    await site.reaches(planned.passId, "completed");
    const ledger = await ledgerOf(site, planned.passId);
    assertBalanced(ledger);
    assert.equal(ledger.stored, 1);
    assert.equal(ledger.idle, 1);
    assert.deepEqual([ledger.rejected.too_short, ledger.rejected.bad_version, ledger.rejected.bad_length], [2, 1, 1]);
  });

  it("takes records of ships that speak raw or JSON, a datagram each", async () => {
    const raw = await site.plan({ seconds: 3, format: "raw" });
    const json = await site.plan({ seconds: 3, format: "json" });
    await Promise.all([raw, json].map(({ passId }) => site.reaches(passId, "receiving")));
    await sendTo(raw.port, ["one", "three"]);
    await sendTo(json.port, ['{"t":1}', "no json", '{\n"t":2}']);
    const [rawDone, jsonDone] = await Promise.all([raw, json].map(({ passId }) => site.reaches(passId, "completed")));
    assert.ok(rawDone?.archive && jsonDone?.archive);
    assert.equal(await readFile(rawDone.archive.path, "latin1"), "\0\0\0\x03one\0\0\0\x05three");
    assert.equal(await readFile(jsonDone.archive.path, "utf8"), '{"t":1}\n{ "t":2}\n');
    assert.equal((await ledgerOf(site, json.passId)).rejected.bad_json, 1);
  });

  it("is opened late when its port is in use, and the wait is an outage", async () => {
    const squatter = createSocket("udp4");
    await new Promise<void>((resolve) => squatter.bind(0, "127.0.0.1", resolve));
    const planned = await site.plan({ inMs: 100, seconds: 3, port: squatter.address().port });
    await until("the reason shown", async () => /EADDRINUSE/.test((await site.pass(planned.passId)).reason ?? ""));
    await until("AOS", () => Date.now() > Date.parse(planned.aos) + 300);
    await new Promise<void>((resolve) => squatter.close(() => resolve()));
    const receiving = await site.reaches(planned.passId, "receiving");
    assert.equal(receiving.reason, null);
    await sendTo(planned.port, [packet(1)]);
    await site.reaches(planned.passId, "completed");
    const ledger = await ledgerOf(site, planned.passId);
    assert.ok(ledger.outage_ms >= 250 && ledger.outage_ms < 3_000, `${ledger.outage_ms} ms`);
    assert.equal(ledger.stored, 1);
  });

  it("is missed when its port stays in use until LOS", async () => {
    const squatter = createSocket("udp4");
    await new Promise<void>((resolve) => squatter.bind(0, "127.0.0.1", resolve));
    const planned = await site.plan({ inMs: 100, seconds: 0.7, port: squatter.address().port });
    const missed = await site.reaches(planned.passId, "missed");
    assert.match(missed.reason ?? "", /EADDRINUSE/);
    await new Promise<void>((resolve) => squatter.close(() => resolve()));
  });

  it("is missed from the start when its window is over, and when no node can bind its host", async () => {
    assert.equal((await site.plan({ inMs: -5_000, seconds: 1 })).state, "missed");
    const elsewhere = await site.plan({ inMs: 50, seconds: 0.5, host: "203.0.113.7" });
    assert.equal((await site.reaches(elsewhere.passId, "missed")).reason, "no_eligible_node");
  });

  it("is cancelled before it begins, and in its middle: then the port is closed and what came is noted", async () => {
    const early = await site.plan({ inMs: 60_000 });
    await cancelPass(site.database.sql, early.passId, "test", early.createdAt);
    assert.equal((await site.pass(early.passId)).state, "cancelled");

    const planned = await site.plan({ seconds: 30 });
    await site.reaches(planned.passId, "receiving");
    await sendTo(planned.port, packets(0, 10));
    await until("10 packets stored", async () => (await site.telemetry.count(planned.ship)).packets === 10);
    await cancelPass(site.database.sql, planned.passId, "test", planned.createdAt);
    await until("the lease given up", async () => (await site.pass(planned.passId)).node === null);
    assert.equal((await ledgerOf(site, planned.passId)).stored, 10);
    assert.equal((await site.pass(planned.passId)).archive?.packets, 10);
    // Deno says that a socket is closed a moment before its port is free.
    await until("the port is free", () => isFree(planned.port));
    assert.equal((await site.pass(planned.passId)).state, "cancelled");
  });

  it("gets a port of the range that no overlapping pass has, and a taken one is refused by name", async () => {
    const range = { inMs: 3_600_000, ports: [31_000, 31_001] as const, port: null };
    const one = await site.plan(range);
    const two = await site.plan(range);
    assert.deepEqual([one.port, two.port].sort(), [31_000, 31_001]);
    await assert.rejects(site.plan(range), /every port from 31000 to 31001/);
    await assert.rejects(site.plan({ ...range, port: one.port }), new RegExp(one.passId));
    assert.equal((await site.plan({ ...range, inMs: 7_200_000, port: one.port })).port, one.port);
    await cancelPass(site.database.sql, one.passId, "test", one.createdAt);
    assert.equal((await site.plan(range)).port, one.port);
  });

  it("is one pass when asked for twice under its id, and another body is refused", async () => {
    const first = await site.plan({ inMs: 3_600_000, requestDigest: "a" });
    const rules = { policy: "reject", portMin: 1, portMax: 2, by: "test", at: first.createdAt } as const;
    assert.deepEqual((await planPasses(site.database.sql, [first], rules)).passes, [first]);
    await assert.rejects(
      planPasses(site.database.sql, [{ ...first, requestDigest: "b" }], rules),
      /exists with another body/,
    );
  });
});

describe("a pass whose node goes away", () => {
  it("goes on at a node that stood by within twice the lease", async () => {
    const site = await openGroundSite();
    // Postgres' rules, though both nodes are in this process.
    const database: Database = { ...site.database, kind: "postgres" };
    const link = cuttable(database);
    const leaseMs = 3_000;
    await site.node({ database: link.database, leaseMs, nodeId: "lost" });
    const planned = await site.plan({ seconds: 12 });
    await site.reaches(planned.passId, "receiving");
    await site.node({ database, leaseMs, nodeId: "standby" });
    assert.equal((await site.pass(planned.passId)).node, "lost");
    link.cut();
    const cutMs = performance.now();
    await until("taken over", async () => isOpenAgain(site, planned));
    const tookMs = performance.now() - cutMs;
    assert.ok(tookMs <= 2 * leaseMs, `${tookMs} ms`);
    const taken = await site.pass(planned.passId);
    assert.deepEqual([taken.node, taken.token, taken.state], ["standby", 2, "receiving"]);
    link.restore();
    await site.close();
  });

  it("goes on after an orderly stop, without loss of what was received, and the time between is an outage", async () => {
    const site = await openGroundSite();
    const first = await site.node();
    const planned = await site.plan({ seconds: 4 });
    await site.reaches(planned.passId, "receiving");
    await sendTo(planned.port, packets(0, 100));
    await until("stored", async () => (await site.telemetry.count(planned.ship)).packets === 100);
    await first.stop();
    assert.equal((await site.pass(planned.passId)).node, null);
    await sendTo(planned.port, packets(100, 110));
    await site.node();
    await until("taken again", async () => isOpenAgain(site, planned));
    await sendTo(planned.port, [...packets(95, 100), ...packets(110, 200)]);
    const done = await site.reaches(planned.passId, "completed");
    const ledger = await ledgerOf(site, planned.passId);
    assertBalanced(ledger);
    assert.deepEqual([ledger.stored, ledger.missing, ledger.outage, ledger.duplicates], [190, 10, 10, 5]);
    assert.ok(ledger.outage_ms > 0 && ledger.outage_ms < 4_000, `${ledger.outage_ms} ms`);
    assert.equal(done.archive?.packets, 190);
    await site.close();
  });

  it("is taken over from a node that lost its store: that one closes its port in time, its stream is replayed", async () => {
    const site = await openGroundSite();
    // Postgres' rules, though both nodes are in this process: the lost one's lease is respected until it ends.
    const database: Database = { ...site.database, kind: "postgres" };
    const link = cuttable(database);
    const lost = await site.node({ database: link.database, reportEveryMs: 60_000, leaseMs: 1_500 });
    const planned = await site.plan({ seconds: 6 });
    await site.reaches(planned.passId, "receiving");
    await sendTo(planned.port, packets(0, 300));
    await until("stored", async () => (await site.telemetry.count(planned.ship)).packets === 300);
    link.cut();
    await until("its lease over", async () => {
      const [row] = await site.database.sql<{ over: boolean }>`
        select lease_until < now() as over from pass where pass_id = ${planned.passId}::uuid`;
      return row?.over === true;
    });
    await until("its port closed", () => lost.live(planned.passId)?.isListening === false);
    await sendTo(planned.port, packets(300, 310));
    await site.node({ database });
    await until("taken over", async () => isOpenAgain(site, planned));
    await sendTo(planned.port, packets(310, 400));
    const done = await site.reaches(planned.passId, "completed");
    assert.equal(done.token, 2);
    const ledger = await ledgerOf(site, planned.passId);
    assertBalanced(ledger);
    assert.deepEqual([ledger.stored, ledger.missing, ledger.outage], [390, 10, 10]);
    assert.equal(done.archive?.packets, 390);
    link.restore();
    await until("the loser gives up", () => lost.live(planned.passId) === null);
    assert.equal((await jobsOf(site, planned)).length, 0);
    await site.close();
  });

  it("is held by one of two nodes only", async () => {
    const site = await openGroundSite();
    const database: Database = { ...site.database, kind: "postgres" };
    const [one, two] = await Promise.all([site.node({ database }), site.node({ database })]);
    const passes = await Promise.all(Array.from({ length: 8 }, () => site.plan({ seconds: 3 })));
    await Promise.all(passes.map(({ passId }) => site.reaches(passId, "receiving")));
    for (const { passId } of passes) {
      const holders = [one, two].filter((ground) => ground.live(passId) !== null);
      assert.equal(holders.length, 1);
      assert.equal((await site.pass(passId)).token, 1);
    }
    await Promise.all(passes.map(({ passId }) => site.reaches(passId, "completed")));
    await site.close();
  });
});

describe("the end of a pass", () => {
  it("asks for its plan once, though the node is stopped and started around it again and again", async () => {
    const site = await openGroundSite();
    const link = cuttable(site.database);
    const first = await site.node({ database: link.database });
    const planned = await site.plan({ seconds: 3, template: "products" });
    await site.reaches(planned.passId, "receiving");
    await sendTo(planned.port, packets(0, 50));
    link.loseAnswersToBegin(2);
    await site.reaches(planned.passId, "completed");
    await until("let go", () => first.live(planned.passId) === null);
    assert.equal((await jobsOf(site, planned)).length, 1);
    await first.stop();
    await site.node();
    assert.equal((await jobsOf(site, planned)).length, 1);
    assert.equal((await site.pass(planned.passId)).state, "completed");
    await site.close();
  });

  it("comes although its node was away at LOS: the rest of the window is an outage", async () => {
    const site = await openGroundSite();
    const first = await site.node();
    const planned = await site.plan({ seconds: 3, template: "products" });
    await site.reaches(planned.passId, "receiving");
    await sendTo(planned.port, packets(0, 50));
    await until("stored", async () => (await site.telemetry.count(planned.ship)).packets === 50);
    await first.stop();
    await until("the end of its window", () => Date.now() > Date.parse(planned.los) + 1_100);
    await site.node();
    const done = await site.reaches(planned.passId, "completed");
    const ledger = await ledgerOf(site, planned.passId);
    assert.equal(ledger.stored, 50);
    assert.ok(ledger.outage_ms > 200, `${ledger.outage_ms} ms`);
    assert.equal(done.archive?.packets, 50);
    assert.equal((await jobsOf(site, planned)).length, 1);
    await site.close();
  });
});

/** A pass has its port open under a newer lease than its first. */
async function isOpenAgain(site: GroundSite, { passId }: PassRow): Promise<boolean> {
  const pass = await site.pass(passId);
  return pass.token > 1 && site.nodes().some((ground) => ground.live(passId)?.isListening === true);
}

async function jobsOf({ database }: GroundSite, { passId }: PassRow): Promise<string[]> {
  const rows = await jobsOfSource(database.sql, "pass", passId);
  return rows.map(({ payload }) => payload ?? "");
}

/** What the ledger must say of an APID. */
const expectedOf = ({ distinct, duplicates, out_of_order, missing }: SentApid) => ({
  stored: distinct,
  duplicates,
  out_of_order,
  missing,
});

function isFree(port: number): Promise<boolean> {
  const socket = createSocket("udp4");
  return new Promise((resolve) => {
    socket.on("error", () => resolve(false));
    socket.bind(port, "127.0.0.1", () => socket.close(() => resolve(true)));
  });
}

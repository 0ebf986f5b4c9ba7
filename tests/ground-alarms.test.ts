/** Alarms of passes end to end: real UDP, a real store. What is raised, made graver, cleared; by one node and by several. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import { buildPacket } from "../src/ground/ccsds.ts";
import { createLoopReceivers } from "../src/ground/udp-receiver.ts";
import { systemClock } from "../src/model/clock.ts";
import type { PassRow } from "../src/model/pass.ts";
import { createMetrics } from "../src/observe/metrics.ts";
import { type AlarmRaise, changeAlarms, raiseAlarms } from "../src/store/alarm-changes.ts";
import { type AlarmFilter, acknowledgeAlarm, listAlarms } from "../src/store/alarms.ts";
import { cancelPass } from "../src/store/passes.ts";
import { saveCompletenessMin } from "../src/store/ships.ts";
import type { Database } from "../src/store/sql.ts";
import { cuttable } from "./support/cut-link.ts";
import { type GroundSite, groundSettings, openGroundSite, sendTo } from "./support/ground.ts";
import { until } from "./support/signal.ts";

/** Packet `power` of one octet: `volts`, beyond 100 watch, beyond 150 warning, beyond 200 critical. */
const definitionOf = (more: object = {}, limits: object | null = {}) =>
  JSON.stringify({
    packets: [
      {
        apid: 100,
        name: "power",
        fields: [
          {
            name: "volts",
            type: "u8",
            ...(limits && {
              limits: { watch: { high: 100 }, warning: { high: 150 }, critical: { high: 200 }, ...limits },
            }),
          },
        ],
        ...more,
      },
    ],
  });

/** Sends packets of one ship, each with the next sequence count. */
function downlink(port: number, from = 0) {
  let count = from;
  return (...volts: number[]) =>
    sendTo(
      port,
      volts.map((value) => buildPacket({ apid: 100, sequenceCount: count++ % 16_384, data: Uint8Array.of(value) })),
    );
}

const alarmsOf = (site: GroundSite, filter: AlarmFilter) =>
  listAlarms(site.database.sql, { before: null, limit: 200, ...filter });

async function onlyAlarm(site: GroundSite, filter: AlarmFilter) {
  const [alarm, ...others] = await alarmsOf(site, filter);
  assert.deepEqual(others, []);
  assert.ok(alarm, "there is no alarm");
  return alarm;
}

/** Waits for the one alarm of a kind to be so. */
async function alarmThat(
  site: GroundSite,
  filter: AlarmFilter,
  what: string,
  isSo: (alarm: Awaited<ReturnType<typeof onlyAlarm>>) => boolean,
) {
  await until(what, async () => (await alarmsOf(site, filter)).some(isSo));
  return onlyAlarm(site, filter);
}

const acknowledge = (site: GroundSite, alarmId: string) =>
  acknowledgeAlarm(site.database.sql, { alarmId, by: "operator", comment: "seen", at: systemClock.now() });

async function receiving(site: GroundSite, ask: Parameters<GroundSite["plan"]>[0] = {}): Promise<PassRow> {
  const planned = await site.plan({ seconds: 60, definition: definitionOf(), ...ask });
  return site.reaches(planned.passId, "receiving");
}

describe("a parameter's alarm", () => {
  let site: GroundSite;
  const metrics = createMetrics();
  before(async () => {
    site = await openGroundSite();
    await site.node({ metrics });
  });
  after(() => site.close());

  it("is raised beyond a limit, made graver, cleared within it, and one alarm all the way", async () => {
    const pass = await receiving(site);
    const send = downlink(pass.port);
    await send(50, 120);
    const raised = await alarmThat(site, { ship: pass.ship }, "raised", () => true);
    const { alarmId, at, detail, change, event, ...rest } = raised;
    assert.deepEqual(rest, {
      kind: "parameter.limit",
      severity: "watch",
      ship: pass.ship,
      passId: pass.passId,
      subject: "volts",
      datasetId: null,
      productId: null,
      raised: 1,
      clearedAt: null,
      resolution: null,
      acknowledgedAt: null,
      acknowledgedBy: null,
      comment: null,
      sentAt: null,
    });
    assert.deepEqual(JSON.parse(detail), { limit: "watch_high", value: 120 });
    assert.ok(Math.abs(Date.parse(at) - Date.now()) < 20_000);

    await acknowledge(site, alarmId);
    await send(220);
    const graver = await alarmThat(site, { ship: pass.ship }, "escalated", ({ severity }) => severity === "critical");
    assert.deepEqual([graver.alarmId, graver.at, graver.event, graver.raised], [alarmId, at, "escalated", 1]);
    assert.deepEqual([graver.acknowledgedAt, graver.comment], [null, null], "it has to be acknowledged anew");
    assert.deepEqual(JSON.parse(graver.detail), { limit: "critical_high", value: 220 });

    await send(120);
    await send(50);
    const cleared = await alarmThat(site, { ship: pass.ship }, "cleared", ({ clearedAt }) => clearedAt !== null);
    assert.deepEqual([cleared.alarmId, cleared.severity, cleared.resolution], [alarmId, "critical", null]);
    assert.equal((await alarmsOf(site, { ship: pass.ship, state: "active" })).length, 1, "it latches");
    await acknowledge(site, alarmId);
    assert.deepEqual(await alarmsOf(site, { ship: pass.ship, state: "active" }), []);

    await send(120);
    await until("a new one", async () => (await alarmsOf(site, { ship: pass.ship })).length === 2);
    const counted = await metrics.text();
    assert.match(counted, /orrery_alarms_raised_total\{kind="parameter.limit",severity="watch"\} 2\n/);
    assert.match(counted, /orrery_alarms_raised_total\{kind="parameter.limit",severity="critical"\} 1\n/);
  });

  it("raised and cleared within a second is raised all the same; again before it is acknowledged, it is the same", async () => {
    const pass = await receiving(site);
    const send = downlink(pass.port);
    await send(50, 250, 50);
    const brief = await alarmThat(site, { ship: pass.ship }, "told", ({ clearedAt }) => clearedAt !== null);
    assert.deepEqual([brief.severity, brief.raised], ["critical", 1]);
    assert.deepEqual(JSON.parse(brief.detail), { limit: "critical_high", value: 250 });
    await send(120);
    const again = await alarmThat(site, { ship: pass.ship }, "raised again", ({ clearedAt }) => clearedAt === null);
    assert.deepEqual([again.alarmId, again.raised, again.severity], [brief.alarmId, 2, "critical"]);
  });

  it("of a value that changes with every packet is stored once a second at most", async () => {
    const pass = await receiving(site);
    const send = downlink(pass.port);
    const startedMs = performance.now();
    for (let i = 0; i < 20; i++) await send(...Array.from({ length: 200 }, (_, n) => (n % 2 === 0 ? 120 : 50)));
    const tookS = (performance.now() - startedMs) / 1000;
    const { raised, change } = await alarmThat(
      site,
      { ship: pass.ship },
      "cleared",
      ({ clearedAt }) => clearedAt !== null,
    );
    assert.ok(raised <= tookS + 2, `raised ${raised} times in ${tookS} s`);
    assert.ok(change <= 2 * (tookS + 2));
  });

  it("of 2 of 3 waits for the second value", async () => {
    const pass = await receiving(site, { definition: definitionOf({}, { alarm: { violations: 2, of: 3 } }) });
    const send = downlink(pass.port);
    await send(120, 50, 50, 120, 50, 50);
    await until("stored", async () => (await site.telemetry.count(pass.ship)).packets === 6);
    await send(160, 50, 170);
    const alarm = await alarmThat(site, { ship: pass.ship }, "raised", () => true);
    assert.deepEqual([alarm.severity, JSON.parse(alarm.detail).value], ["warning", 170]);
  });

  it("that is still open is the next pass's, too; without limits it is over", async () => {
    const first = await receiving(site, { seconds: 3 });
    await downlink(first.port)(120);
    const open = await alarmThat(site, { ship: first.ship }, "raised", () => true);
    await site.reaches(first.passId, "completed");
    const { ship } = first;
    const second = await receiving(site, { ship, seconds: 3 });
    await downlink(second.port)(120, 50);
    const cleared = await alarmThat(site, { ship }, "cleared", ({ clearedAt }) => clearedAt !== null);
    assert.deepEqual([cleared.alarmId, cleared.raised], [open.alarmId, 1]);
    await downlink(second.port, 2)(250);
    await alarmThat(site, { ship }, "raised again", ({ clearedAt }) => clearedAt === null);
    await site.reaches(second.passId, "completed");

    await receiving(site, { ship, definition: definitionOf({}, null) });
    const over = await alarmThat(site, { ship }, "cleared", ({ clearedAt }) => clearedAt !== null);
    assert.deepEqual([over.alarmId, over.resolution], [open.alarmId, "it has no limits any more"]);
  });
});

describe("silence in a pass", () => {
  it("is alarming for each packet that is expected, and for the pass; it ends with a packet, or with the pass", async () => {
    const site = await openGroundSite();
    try {
      await site.node({ settings: { ...groundSettings, staleAfterS: 2 } });
      const pass = await receiving(site, { seconds: 12, definition: definitionOf({ expected_every_s: 1 }) });
      const of = (subject: string) => async () =>
        (await alarmsOf(site, { passId: pass.passId, kind: "pass.stale" })).find((one) => one.subject === subject);
      await until("both are silent", async () => !!(await of("power")()) && !!(await of("")()));
      assert.deepEqual([(await of("power")())?.severity, (await of("")())?.severity], ["warning", "critical"]);
      assert.deepEqual(JSON.parse((await of("power")())?.detail ?? ""), { silent_s: 1 });
      await downlink(pass.port)(50);
      await until("both are over", async () => !!(await of("power")())?.clearedAt && !!(await of("")())?.clearedAt);
      assert.equal((await of("power")())?.resolution, null);
      await until("silent again", async () => (await of("power")())?.raised === 2);
      await site.reaches(pass.passId, "completed", 60_000);
      await until("over with the pass", async () => (await of("power")())?.resolution === "pass over");
      assert.equal((await alarmsOf(site, { passId: pass.passId })).length, 2);
    } finally {
      await site.close();
    }
  });

  it("is none where packets come in time, or nobody minds", async () => {
    const site = await openGroundSite();
    try {
      await site.node({ settings: { ...groundSettings, staleAfterS: 0 } });
      const pass = await receiving(site, { seconds: 4 });
      await site.reaches(pass.passId, "completed", 60_000);
      assert.deepEqual(await alarmsOf(site, { ship: pass.ship }), []);
    } finally {
      await site.close();
    }
  });
});

describe("losses of a pass", () => {
  it("in the kernel raise one alarm, however often they go on", { skip: !existsSync("/proc/net/udp") }, async () => {
    const site = await openGroundSite();
    try {
      await site.node({ receivers: createLoopReceivers() });
      const planned = await site.plan({ format: "raw", seconds: 60 });
      const pass = await site.reaches(planned.passId, "receiving");
      await floodWhileBlocked(pass.port);
      const filter = { passId: pass.passId, kind: "pass.kernel_drops" };
      const { alarmId, severity, detail } = await alarmThat(site, filter, "raised", () => true);
      assert.equal(severity, "warning");
      const dropsOf = (text: string): number => JSON.parse(text).kernel_drops;
      assert.ok(dropsOf(detail) > 0);
      await floodWhileBlocked(pass.port);
      const more = await alarmThat(site, filter, "counted", (one) => dropsOf(one.detail) > dropsOf(detail));
      assert.deepEqual([more.alarmId, more.raised, more.event], [alarmId, 1, "raised"]);
      await cancelPass(site.database.sql, pass.passId, "enough", systemClock.now());
      const over = await alarmThat(site, filter, "over", ({ clearedAt }) => clearedAt !== null);
      assert.equal(over.resolution, "pass over");
    } finally {
      await site.close();
    }
  });

  it("beyond the ship's gate raise an alarm when it ends; within it, or without one, none", async () => {
    const site = await openGroundSite();
    try {
      await site.node();
      const flown = async (min: number | null): Promise<PassRow> => {
        const planned = await site.plan({ inMs: 1500, seconds: 6, definition: definitionOf() });
        await saveCompletenessMin(site.database.sql, planned.ship, min);
        const pass = await site.reaches(planned.passId, "receiving");
        await downlink(pass.port)(50, 50, 50);
        await downlink(pass.port, 4)(50, 50, 50);
        return site.reaches(pass.passId, "completed", 60_000);
      };
      const [incomplete, enough, free] = await Promise.all([flown(0.9), flown(0.8), flown(null)]);
      const alarm = await onlyAlarm(site, { ship: incomplete.ship });
      assert.deepEqual([alarm.kind, alarm.severity, alarm.passId], ["pass.completeness", "warning", incomplete.passId]);
      const { completeness, completeness_min, missing } = JSON.parse(alarm.detail);
      assert.deepEqual([completeness.toFixed(3), completeness_min, missing], ["0.857", 0.9, 1]);
      assert.ok(alarm.clearedAt, "it is a fact, and waits to be acknowledged only");
      assert.equal((await alarmsOf(site, { ship: incomplete.ship, state: "active" })).length, 1);
      for (const { ship } of [enough, free]) assert.deepEqual(await alarmsOf(site, { ship }), []);
    } finally {
      await site.close();
    }
  });
});

describe("an alarm among nodes", () => {
  it("goes on with a pass that is taken over: raised once, cleared by the new holder", async () => {
    const site = await openGroundSite();
    const database: Database = { ...site.database, kind: "postgres" };
    const link = cuttable(database);
    const metrics = createMetrics();
    await site.node({ database: link.database, leaseMs: 1_500, metrics });
    const pass = await receiving(site, { definition: definitionOf({ expected_every_s: 2 }) });
    const send = downlink(pass.port);
    await send(250);
    const filter = { ship: pass.ship, kind: "parameter.limit" };
    const { alarmId } = await alarmThat(site, filter, "raised", () => true);
    await alarmThat(site, { passId: pass.passId, kind: "pass.stale" }, "silent", () => true);
    link.cut();
    await until("its lease over", async () => {
      const [row] = await site.database.sql<{ over: boolean }>`
        select lease_until < now() as over from pass where pass_id = ${pass.passId}::uuid`;
      return row?.over === true;
    });
    const stale = { passId: pass.passId, token: pass.token };
    const next = await site.node({ database });
    await until("taken over", () => next.live(pass.passId)?.isListening === true);
    const late = await changeAlarms(site.database.sql, stale, { raise: [raise(pass, "late")], clear: [] }, false);
    assert.equal(late, null, "an old token changes nothing");
    await send(250, 250);
    await alarmThat(site, { passId: pass.passId, kind: "pass.stale" }, "heard", ({ clearedAt }) => clearedAt !== null);
    const same = await onlyAlarm(site, filter);
    assert.deepEqual([same.alarmId, same.raised, same.change, same.clearedAt], [alarmId, 1, 1, null]);
    await send(50);
    await alarmThat(site, filter, "cleared by the new holder", ({ clearedAt }) => clearedAt !== null);
    link.restore();
    await site.close();
  });

  it("is raised once by many at once, and each change is told once", async () => {
    const site = await openGroundSite();
    const { sql } = site.database;
    const pass = await site.plan({ inMs: 600_000 });
    const asked = Array.from({ length: 12 }, (_, i) => raise(pass, "volts", i === 7 ? "critical" : "watch"));
    const told = await Promise.all(asked.map((one) => sql.begin((tx) => raiseAlarms(tx, [one], false))));
    const alarm = await onlyAlarm(site, { ship: pass.ship });
    assert.deepEqual([alarm.severity, alarm.raised], ["critical", 1]);
    assert.equal(told.flat().filter(({ event }) => event === "raised").length, 1);
    assert.equal(told.flat().length, alarm.change);
    const cleared = { ...raise(pass, "volts"), resolution: null };
    const clears = await Promise.all(asked.map(() => changeAlarms(sql, null, { raise: [], clear: [cleared] }, false)));
    assert.equal(clears.flat().length, 1);
    const both = await Promise.all(asked.map(() => acknowledge(site, alarm.alarmId)));
    assert.equal(both.filter((one) => one !== null).length, 1);
    await site.close();
  });

  it("waits while the store is away, costs no packet, and is stored as it came to be", async () => {
    const site = await openGroundSite();
    const link = cuttable(site.database);
    await site.node({ database: link.database });
    const pass = await receiving(site);
    const send = downlink(pass.port);
    await send(50);
    link.cut();
    await send(250, 50, 120);
    await until("received", async () => (await site.telemetry.count(pass.ship)).packets === 4);
    await until("tried in vain, twice", () => link.refusedBegins() >= 2);
    assert.deepEqual(await alarmsOf(site, { ship: pass.ship }), []);
    link.restore();
    const alarm = await alarmThat(site, { ship: pass.ship }, "raised", () => true);
    assert.deepEqual([alarm.severity, alarm.clearedAt, alarm.raised], ["critical", null, 1]);
    await site.close();
  });

  it("that nobody can store any more is counted", async () => {
    const site = await openGroundSite();
    const link = cuttable({ ...site.database, kind: "postgres" });
    const metrics = createMetrics();
    const lost = await site.node({ database: link.database, leaseMs: 1_500, metrics });
    const pass = await receiving(site);
    link.cut();
    await downlink(pass.port)(250);
    await until("received", async () => (await site.telemetry.count(pass.ship)).packets === 1);
    await site.database.sql`update pass set token = token + 1 where pass_id = ${pass.passId}::uuid`;
    link.restore();
    await until("given up", () => lost.live(pass.passId) === null);
    assert.match(await metrics.text(), /orrery_alarms_dropped_total 1\n/);
    await site.close();
  });
});

const raise = ({ ship, passId }: PassRow, subject: string, severity: AlarmRaise["severity"] = "watch"): AlarmRaise => ({
  kind: "parameter.limit",
  ship,
  passId,
  subject,
  severity,
  at: systemClock.now(),
  detail: "{}",
});

/** Sends more than any receive buffer holds while this loop, which would read them, stands still. */
async function floodWhileBlocked(port: number): Promise<void> {
  const done = new Int32Array(new SharedArrayBuffer(4));
  const code = `
    const { workerData } = require("node:worker_threads");
    const socket = require("node:dgram").createSocket("udp4");
    const datagram = new Uint8Array(1400);
    let answered = 0;
    const send = () => {
      if (answered === 12000) { Atomics.store(workerData.done, 0, 1); socket.close(); return; }
      socket.send(datagram, workerData.port, "127.0.0.1", () => { answered += 1; send(); });
    };
    socket.bind(0, send);`;
  const worker = new Worker(code, { eval: true, workerData: { port, done } });
  await new Promise<void>((resolve, reject) => worker.once("online", resolve).once("error", reject));
  const deadlineMs = performance.now() + 20_000;
  while (Atomics.load(done, 0) === 0 && performance.now() < deadlineMs) Atomics.wait(done, 0, 0, 50);
  assert.equal(Atomics.load(done, 0), 1, "the flood did not end");
  await worker.terminate();
}

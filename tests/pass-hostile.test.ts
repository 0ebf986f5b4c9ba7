/** What strangers send to a pass: counted by its reason, a bounded sample of it logged, nothing of it stored, and never an answer. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { after, before, describe, it } from "node:test";
import { buildPacket, idleApid } from "../src/ground/ccsds.ts";
import type { LedgerJson } from "../src/ground/ledger-json.ts";
import { parsePacketDefinition } from "../src/ground/packet-definition.ts";
import { createLog } from "../src/observe/log.ts";
import { findProgress } from "../src/store/pass-progress.ts";
import { cancelPass } from "../src/store/passes.ts";
import { randomOf } from "./simulation/scheduler.ts";
import { type GroundSite, groundSettings, openGroundSite } from "./support/ground.ts";
import { until } from "./support/signal.ts";

const seed = Number(process.env.HOSTILE_SEED ?? Date.now() % 1_000_000);
const packetSizeMax = 200;
const packets = [{ apid: 9, name: "house", fields: [{ name: "first", type: "u8" }] }];
const definition = JSON.stringify(parsePacketDefinition({ crc: true, packets }));
const good = (count: number, dataBytes = 20): Uint8Array =>
  buildPacket({ apid: 9, sequenceCount: count, data: new Uint8Array(dataBytes), crc: true });

describe(`a pass that strangers send to (seed ${seed})`, () => {
  let site: GroundSite;
  const lines: { msg: string; sample?: { reason: string; head: string } }[] = [];
  before(async () => {
    site = await openGroundSite();
    const log = createLog("warn", { write: (line: string) => void lines.push(JSON.parse(line)) });
    await site.node({ log, settings: { ...groundSettings, packetSizeMax } });
  });
  after(() => site.close());

  it("counts garbage of every kind and size by its reason, answers nobody, and stores what is good among it", async () => {
    const planned = await site.plan({ seconds: 120, definition });
    await site.reaches(planned.passId, "receiving");
    const random = randomOf(seed);
    const noise = (size: number) => Uint8Array.from({ length: size }, () => Math.floor(random() * 256));
    const broken = good(1);
    broken[10] = 1;
    const otherVersion = good(2);
    otherVersion[0] = 0xa0;
    const hostile: Uint8Array[] = [];
    for (let i = 0; i < 40; i++) {
      hostile.push(new Uint8Array(0), noise(1 + Math.floor(random() * 6)), otherVersion, broken);
      hostile.push(good(3).subarray(0, 20), good(4, 400));
    }
    // Any octets, up to the largest datagram that there is.
    for (const size of [7, 100, 1_472, 9_000, 65_507]) hostile.push(noise(size));
    hostile.push(buildPacket({ apid: idleApid, sequenceCount: 0, data: new Uint8Array(8) }));
    const fine = Array.from({ length: 50 }, (_, i) => good(i));
    const all = [...hostile, ...fine];

    const stranger = createSocket("udp4");
    let answers = 0;
    stranger.on("message", () => {
      answers += 1;
    });
    const live = () => {
      const ledger = site.nodes()[0]?.live(planned.passId)?.ledger;
      return (ledger?.datagrams ?? 0) + (ledger?.kernel_drops ?? 0);
    };
    await new Promise<void>((resolve) => stranger.bind(0, "127.0.0.1", resolve));
    for (const [i, datagram] of all.entries()) {
      await new Promise<void>((resolve) => stranger.send(datagram, planned.port, "127.0.0.1", () => resolve()));
      if (i % 25 === 24 || datagram.length > 5_000) await until("taken", () => live() >= i + 1); // Deno's buffer is small
    }
    await until("all taken", () => live() >= all.length);
    await cancelPass(site.database.sql, planned.passId, "test", planned.createdAt);
    await until("archived", async () => (await site.pass(planned.passId)).archive !== null);
    const done = await site.pass(planned.passId);
    stranger.close();
    assert.equal(answers, 0);

    const progress = (await findProgress(site.database.sql, [planned.passId])).get(planned.passId);
    assert.ok(progress);
    const ledger: LedgerJson = JSON.parse(progress.ledger);
    assert.equal(ledger.datagrams + (ledger.kernel_drops ?? 0), all.length);
    const { too_short, bad_version, bad_length, oversized, bad_crc } = ledger.rejected;
    // The random ones are of whatever reason: at least these.
    const least = { too_short: 80, bad_version: 40, bad_length: 40, oversized: 40, bad_crc: 40 };
    for (const [reason, count] of Object.entries({ too_short, bad_version, bad_length, oversized, bad_crc }))
      assert.ok(count >= least[reason as keyof typeof least], `${reason}: ${count}`);
    const rejected = Object.values(ledger.rejected).reduce((sum, count) => sum + count, 0);
    assert.equal(ledger.received, ledger.idle + rejected + ledger.duplicates + ledger.stored);
    assert.ok(ledger.idle >= 1);
    assert.equal(ledger.apids.find(({ apid }) => apid === 9)?.stored, 50);
    assert.equal(done.archive?.packets, ledger.stored);

    const samples = lines.filter(({ msg }) => msg === "packet rejected").map(({ sample }) => sample);
    for (const reason of Object.keys(least)) {
      const count = samples.filter((sample) => sample?.reason === reason).length;
      assert.ok(count >= 1 && count <= 3, `${count} samples of ${reason}`);
    }
    assert.ok(samples.every((sample) => (sample?.head.length ?? 99) <= 64));
  });
});

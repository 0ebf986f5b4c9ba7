/** Redis stores packets whose pass has counted them as lost, as the answer never came: they are taken back before anybody reads them as stored. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { buildPacket } from "../src/ground/ccsds.ts";
import type { LedgerJson } from "../src/ground/ledger-json.ts";
import type { PassRow } from "../src/model/pass.ts";
import { findProgress } from "../src/store/pass-progress.ts";
import { openRedis } from "../src/telemetry/redis.ts";
import { type GroundSite, openGroundSite, sendTo } from "./support/ground.ts";
import { until } from "./support/signal.ts";
import { openTcpProxy, type TcpProxy } from "./support/tcp-proxy.ts";

const redisUrl = process.env.TEST_REDIS_URL;
const log = { warn: () => {} };

const packets = (from: number, to: number): Uint8Array[] =>
  Array.from({ length: to - from }, (_, i) =>
    buildPacket({ apid: 7, sequenceCount: from + i, data: new Uint8Array(20) }),
  );

async function noted(site: GroundSite, passId: string): Promise<LedgerJson | null> {
  const progress = (await findProgress(site.database.sql, [passId])).get(passId);
  return progress === undefined ? null : JSON.parse(progress.ledger);
}

/** 100 packets stored, then 10 that Redis stores and the node cannot know of: it has noted them as lost when this resolves. */
async function loseAnAnswer(site: GroundSite, proxy: TcpProxy, { passId, port, ship }: PassRow): Promise<void> {
  await sendTo(port, packets(0, 100));
  const storedIs = (count: number) =>
    until(`${count} stored`, async () => (await site.telemetry.count(ship)).packets === count);
  await storedIs(100);
  const swallowed = proxy.swallowAnswerTo("XADD");
  await sendTo(port, packets(100, 110));
  await swallowed;
  await storedIs(110);
  await proxy.cut();
  await until("noted as lost", async () => (await noted(site, passId))?.store_drops === 10);
}

describe("a pass that Redis stored more of than it said", { skip: redisUrl === undefined }, () => {
  it("is archived with what its ledger calls stored, though Redis came back only after LOS", async () => {
    const site = await openGroundSite();
    const proxy = await openTcpProxy(redisUrl ?? "");
    const telemetry = await openRedis(proxy.url, { log, allowEviction: true, appendDeadlineMs: 200 });
    await site.node({ telemetry });
    const planned = await site.plan({ seconds: 6 });
    await site.reaches(planned.passId, "receiving");
    await loseAnAnswer(site, proxy, planned);
    await site.reaches(planned.passId, "draining");
    await until("its port closed", () => site.nodes()[0]?.live(planned.passId)?.isListening === false);
    await proxy.restore();
    const { archive } = await site.reaches(planned.passId, "completed");
    const ledger = await noted(site, planned.passId);
    assert.deepEqual([ledger?.stored, ledger?.store_drops, archive?.packets], [100, 10, 100]);
    assert.equal((await site.telemetry.count(planned.ship)).packets, 100);
    await telemetry.close();
    await proxy.close();
    await site.close();
  });

  it("is taken over with what its ledger calls stored, though Redis never came back to the first node", async () => {
    const site = await openGroundSite();
    const proxy = await openTcpProxy(redisUrl ?? "");
    const telemetry = await openRedis(proxy.url, { log, allowEviction: true, appendDeadlineMs: 200 });
    const first = await site.node({ telemetry });
    const planned = await site.plan({ seconds: 12 });
    await site.reaches(planned.passId, "receiving");
    await loseAnAnswer(site, proxy, planned);
    await first.stop();
    const second = await site.node();
    await until("taken over", () => second.live(planned.passId)?.isListening === true);
    await sendTo(planned.port, packets(110, 150));
    const { archive, token } = await site.reaches(planned.passId, "completed");
    const ledger = await noted(site, planned.passId);
    assert.deepEqual(
      [token, ledger?.stored, ledger?.store_drops, ledger?.missing, archive?.packets],
      [2, 140, 10, 10, 140],
    );
    assert.equal((await site.telemetry.count(planned.ship)).packets, 140);
    await telemetry.close();
    await proxy.close();
    await site.close();
  });
});

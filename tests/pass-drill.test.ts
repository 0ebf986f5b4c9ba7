/**
 * The node that receives a pass is killed in its middle, and so is Redis, while a simulated ship sends with loss, copies, disorder and
 * damage: the ledger balances to the packet, and all that it calls stored is in the store, once.
 * `DRILL_ROUNDS=10 npm run test:services -- pass-drill` is the whole drill; `DRILL_SEED=n` sends the same packets and chooses the same moments.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { sendSimulation } from "../src/ground/sim-sender.ts";
import { assertHeardAll, assertOutage, assertStoredAll, assertWhole, type Flown, packetsOf } from "./drill/account.ts";
import { type DrilledPass, DrillNodes } from "./drill/nodes.ts";
import { hasRedis } from "./drill/own-redis.ts";
import { RecordedShip } from "./drill/recorded-ship.ts";
import { randomOf } from "./simulation/scheduler.ts";
import { until } from "./support/signal.ts";

const rounds = Number(process.env.DRILL_ROUNDS ?? 1);
const seed = Number(process.env.DRILL_SEED ?? Date.now() % 1_000_000);
const onServices = Boolean(process.env.TEST_DATABASE_URL) && hasRedis();
const ratePerS = 400;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe(`a pass of which something is killed (seed ${seed})`, () => {
  let nodes: DrillNodes;
  before(async () => {
    nodes = await DrillNodes.open();
    await nodes.start("one");
    if (onServices) await nodes.start("two");
  });
  after(() => nodes.close());

  /** A pass of `seconds`, sent to until `work` is done, and all that is known of it afterwards. */
  async function fly(round: number, seconds: number, work: (pass: DrilledPass) => Promise<void>): Promise<Flown> {
    const pass = await nodes.receiving(seconds);
    const ship = new RecordedShip(seed + round);
    const done = new AbortController();
    const sending = sendSimulation({
      ...{ host: "127.0.0.1", ports: [pass.port], ships: [ship], ratePerS, seconds: seconds - 1, signal: done.signal },
    });
    try {
      await work(pass);
      await pause(500);
    } finally {
      done.abort();
    }
    const report = await sending;
    assert.equal(report.failed, 0);
    const sent = report.ships[0];
    assert.ok(sent);
    const { json, archive } = await nodes.completed(pass, seconds * 1000 + 30_000);
    const telemetry = await nodes.telemetry();
    try {
      const stored = await packetsOf(telemetry, pass, 10);
      const { count } = (await nodes.request("GET", `/api/ship/${pass.ship}/telemetry/count`)).json;
      assert.equal(count, stored.length);
      return { ledger: json.ledger, ship, sent, stored, archive };
    } finally {
      await telemetry.close();
    }
  }

  for (let round = 0; round < rounds; round++) {
    const random = randomOf(seed + round);

    it(`round ${round}: the node, which is started again or another one goes on`, async () => {
      const flown = await fly(round, onServices ? 34 : 16, async (pass) => {
        await pause(500 + random() * 1500);
        const holder = await nodes.holderOf(pass);
        assert.ok(holder);
        await nodes.kill(holder);
        await pause(random() * 500);
        // Else the other one takes it over.
        if (!onServices || random() < 0.5) await nodes.start(holder);
        await until("receiving again", async () => (await nodes.holderOf(pass)) !== null, 22_000);
        if (!nodes.isUp(holder)) await nodes.start(holder);
      });
      assertWhole(flown);
      assertOutage(flown);
    });

    it(`round ${round}: Redis, for a time that is waited for`, { skip: !onServices }, async () => {
      const flown = await fly(round, 9, async () => {
        await pause(500 + random() * 1000);
        await nodes.redis?.kill();
        await pause(random() * 2_000);
        await nodes.redis?.restart();
        await pause(2_500);
      });
      assertWhole(flown);
      assertHeardAll(flown);
      assertStoredAll(flown);
    });

    it(`round ${round}: Redis, for longer than is waited: what was dropped is told`, {
      skip: !onServices,
    }, async () => {
      const flown = await fly(round, 17, async () => {
        await pause(500 + random() * 1000);
        await nodes.redis?.kill();
        await pause(6_500 + random() * 1_500);
        await nodes.redis?.restart();
        await pause(3_500);
      });
      assertWhole(flown);
      assertHeardAll(flown);
      assert.ok(flown.ledger.store_drops > 0);
    });

    it(`round ${round}: Redis until after LOS`, { skip: !onServices }, async () => {
      const flown = await fly(round, 8, async () => {
        await pause(500 + random() * 1000);
        await nodes.redis?.kill();
        await pause(10_000 + random() * 1_000);
        await nodes.redis?.restart();
      });
      assertWhole(flown);
      assertHeardAll(flown);
      assert.ok(flown.ledger.store_drops > 0);
    });

    it(`round ${round}: Redis, and then the node that waits for it`, { skip: !onServices }, async () => {
      const flown = await fly(round, 30, async (pass) => {
        const holder = await nodes.holderOf(pass);
        assert.ok(holder);
        await pause(500 + random() * 1000);
        await nodes.redis?.kill();
        await pause(random() * 8_000);
        await nodes.kill(holder);
        await pause(random() * 1_000);
        await nodes.redis?.restart();
        await nodes.start(holder);
        await until("receiving again", async () => (await nodes.holderOf(pass)) !== null, 22_000);
        await pause(1_500);
      });
      assertWhole(flown);
      assert.ok(flown.ledger.outage > 0 && flown.ledger.outage_ms > 0);
    });
  }
});

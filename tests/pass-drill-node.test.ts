/**
 * The node that receives a pass is killed in its middle, while a simulated ship sends with loss, copies, disorder and damage: the ledger
 * balances to the packet with what nobody heard as its outage, and all that it calls stored is in the store, once.
 * `DRILL_ROUNDS=10 npm run test:services -- pass-drill` is the whole drill.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { assertOutage, assertWhole } from "./drill/account.ts";
import { fly, onServices, pause, rounds, seed } from "./drill/flight.ts";
import { DrillNodes } from "./drill/nodes.ts";
import { randomOf } from "./simulation/scheduler.ts";
import { until } from "./support/signal.ts";

describe(`a pass whose node is killed (seed ${seed})`, () => {
  let nodes: DrillNodes;
  before(async () => {
    nodes = await DrillNodes.open();
    await nodes.start("one");
    if (onServices) await nodes.start("two");
  });
  after(() => nodes.close());

  for (let round = 0; round < rounds; round++) {
    const random = randomOf(seed + round);

    it(`round ${round}: it is started again, or another one goes on`, async () => {
      const flown = await fly(nodes, round, null, async (pass) => {
        await pause(500 + random() * 1500);
        const holder = await nodes.holderOf(pass);
        assert.ok(holder);
        await nodes.kill(holder);
        await pause(random() * 500);
        // Else the other one takes it over.
        if (!onServices || random() < 0.5) await nodes.start(holder);
        await until("receiving again", async () => (await nodes.holderOf(pass)) !== null, 60_000);
        if (!nodes.isUp(holder)) await nodes.start(holder);
      });
      assertWhole(flown);
      assertOutage(flown);
    });

    it(`round ${round}: it waits for Redis, which was killed before it`, { skip: !onServices }, async () => {
      const flown = await fly(nodes, round, null, async (pass) => {
        const holder = await nodes.holderOf(pass);
        assert.ok(holder);
        await pause(500 + random() * 1000);
        await nodes.redis?.kill();
        await pause(random() * 8_000);
        await nodes.kill(holder);
        await pause(random() * 1_000);
        await nodes.redis?.restart();
        await nodes.start(holder);
        await until("receiving again", async () => (await nodes.holderOf(pass)) !== null, 60_000);
        await pause(1_500);
      });
      assertWhole(flown);
      assert.ok(flown.ledger.outage > 0 && flown.ledger.outage_ms > 0);
    });
  }
});

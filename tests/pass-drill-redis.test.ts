/**
 * Redis is killed in the middle of a pass, and comes back: what came meanwhile waits, up to a bound, and what was dropped beyond it is told
 * to the packet. `DRILL_ROUNDS=10 npm run test:services -- pass-drill` is the whole drill.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { assertHeardAll, assertStoredAll, assertWhole } from "./drill/account.ts";
import { fly, onServices, pause, rounds, seed } from "./drill/flight.ts";
import { DrillNodes } from "./drill/nodes.ts";
import { randomOf } from "./simulation/scheduler.ts";

describe(`a pass whose Redis is killed (seed ${seed})`, { skip: !onServices }, () => {
  let nodes: DrillNodes;
  before(async () => {
    nodes = await DrillNodes.open();
    await nodes.start("one");
  });
  after(() => nodes.close());

  for (let round = 0; round < rounds; round++) {
    const random = randomOf(seed + round);

    it(`round ${round}: for a time that is waited for`, async () => {
      const flown = await fly(nodes, round, 9, async () => {
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

    it(`round ${round}: for longer than is waited: what was dropped is told`, async () => {
      const flown = await fly(nodes, round, 17, async () => {
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

    it(`round ${round}: until after LOS`, async () => {
      const flown = await fly(nodes, round, 8, async () => {
        await pause(500 + random() * 1000);
        await nodes.redis?.kill();
        await pause(10_000 + random() * 1_000);
        await nodes.redis?.restart();
      });
      assertWhole(flown);
      assertHeardAll(flown);
      assert.ok(flown.ledger.store_drops > 0);
    });
  }
});

/** A pass that a simulated ship sends to while something is done to its nodes, and all that is known of it afterwards. */
import assert from "node:assert/strict";
import { sendSimulation } from "../../src/ground/sim-sender.ts";
import { type Flown, packetsOf } from "./account.ts";
import type { DrilledPass, DrillNodes } from "./nodes.ts";
import { hasRedis } from "./own-redis.ts";
import { RecordedShip } from "./recorded-ship.ts";

/** `DRILL_ROUNDS=10` is the whole drill; `DRILL_SEED=n` sends the same packets and chooses the same moments. */
export const rounds = Number(process.env.DRILL_ROUNDS ?? 1);
export const seed = Number(process.env.DRILL_SEED ?? Date.now() % 1_000_000);
export const onServices = Boolean(process.env.TEST_DATABASE_URL) && hasRedis();

const ratePerS = 400;
/** A pass's streams: more holders than any drill has. */
const tokenMax = 10;

/** Chooses a moment, nobody waits for anything. */
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A pass of `seconds`, sent to until `work` is done. */
export async function fly(
  nodes: DrillNodes,
  round: number,
  seconds: number,
  work: (pass: DrilledPass) => Promise<void>,
): Promise<Flown> {
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
    const stored = await packetsOf(telemetry, pass, tokenMax);
    const { count } = (await nodes.request("GET", `/api/ship/${pass.ship}/telemetry/count`)).json;
    assert.equal(count, stored.length);
    return { ledger: json.ledger, ship, sent, stored, archive };
  } finally {
    await telemetry.close();
  }
}

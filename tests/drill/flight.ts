/** A pass that a simulated ship sends to while something is done to its nodes, and all that is known of it afterwards. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { sendSimulation } from "../../src/ground/sim-sender.ts";
import { until } from "../support/signal.ts";
import { type Flown, packetsOf } from "./account.ts";
import type { DrilledPass, DrillNodes } from "./nodes.ts";
import { hasRedis } from "./own-redis.ts";
import { RecordedShip } from "./recorded-ship.ts";

/** `DRILL_ROUNDS=10` is the whole drill; `DRILL_SEED=n` sends the same packets and chooses the same moments; `DRILL_LOGS=file` keeps the nodes' logs of a failure. */
export const rounds = Number(process.env.DRILL_ROUNDS ?? 1);
export const seed = Number(process.env.DRILL_SEED ?? Date.now() % 1_000_000);
export const onServices = Boolean(process.env.TEST_DATABASE_URL) && hasRedis();

const ratePerS = 400;
const endlessS = 600;
/** A pass's streams: more holders than any drill has. */
const tokenMax = 10;

/** Chooses a moment, nobody waits for anything. */
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A pass of `seconds`, sent to until `work` is done. Null: as long as that takes; then it is cancelled, which keeps what was received just the same. */
export async function fly(
  nodes: DrillNodes,
  round: number,
  seconds: number | null,
  work: (pass: DrilledPass) => Promise<void>,
): Promise<Flown> {
  const windowS = seconds ?? endlessS;
  const pass = await nodes.receiving(windowS);
  const ship = new RecordedShip(seed + round);
  const done = new AbortController();
  const sending = sendSimulation({
    ...{ host: "127.0.0.1", ports: [pass.port], ships: [ship], ratePerS, seconds: windowS - 1, signal: done.signal },
  });
  try {
    await work(pass);
    await pause(500);
  } catch (error) {
    if (process.env.DRILL_LOGS !== undefined) await writeFile(process.env.DRILL_LOGS, nodes.logs());
    throw error;
  } finally {
    done.abort();
  }
  const report = await sending;
  assert.equal(report.failed, 0);
  const sent = report.ships[0];
  assert.ok(sent);
  if (seconds === null) {
    await until("the last packets", () => nodes.hasHeard(pass, sent), 60_000);
    await nodes.cancel(pass);
  }
  const { json, archive } = await nodes.ended(pass, seconds === null ? "cancelled" : "completed");
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

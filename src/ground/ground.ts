/** The ground segment of a node: holds passes and their ports, and tells the rest of it what is going on. */
import type { GroundConfig } from "../config.ts";
import type { Clock } from "../model/clock.ts";
import type { PassId, PassState } from "../model/pass.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { findPass } from "../store/passes.ts";
import type { Database } from "../store/sql.ts";
import type { Alarms } from "../supervisor/alarms.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { ContactPlanner } from "./contact-planner.ts";
import { type GroundInspection, RunnerInspection } from "./inspection.ts";
import type { LatestValue } from "./latest.ts";
import type { LedgerJson } from "./ledger-json.ts";
import { createPacketMeters } from "./packet-meters.ts";
import { type PassChange, PassEvents } from "./pass-events.ts";
import type { Receivers } from "./receiver.ts";
import { passChannel, Schedule } from "./schedule.ts";
import { createStoreTime } from "./store-time.ts";
import { createThreadReceivers } from "./thread-receivers.ts";

export interface GroundParts {
  readonly database: Database;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly alarms: Pick<Alarms, "change" | "dropped">;
  readonly nodeId: string;
  /** Where archives go. */
  readonly dataDir: string;
  readonly settings: GroundConfig;
  /** Default: 10 s. A dead node's passes go on elsewhere within twice this. */
  readonly leaseMs?: number;
  /** Default: 5 s. */
  readonly reportEveryMs?: number;
  readonly receivers?: Receivers;
}

/** What the node that holds a pass knows at first hand. */
export interface LivePass {
  readonly state: PassState;
  readonly reason: string | null;
  readonly isListening: boolean;
  readonly ledger: LedgerJson;
  /** Received in each of the last 60 seconds, the latest last. */
  readonly packetsPerSecond: readonly number[];
}

export interface Ground {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Null: this node does not hold the pass. */
  live(passId: PassId): LivePass | null;
  /** The latest values that passes held here have decoded of a ship. */
  liveValues(ship: string): Record<string, LatestValue>[];
  readonly inspection: GroundInspection;
  /** A pass was planned or cancelled in the store: look, here and on other nodes. */
  changed(change: PassChange): void;
  /** A contact was saved: plan it, now. */
  lookAtContacts(): void;
  /** Changes of passes that this node holds or was told of: at most four a second for each. */
  onPassChanged(hear: (change: PassChange) => void): () => void;
}

export function createGround(parts: GroundParts): Ground {
  const { database, telemetry, clock, log, metrics, alarms, nodeId, dataDir, settings } = parts;
  const events = new PassEvents();
  const receivers = parts.receivers ?? createThreadReceivers(log);
  const time = createStoreTime(() => clock.monotonicMs());
  const inspection = new RunnerInspection(() => schedule.runners, time.nowMs);
  const schedule = new Schedule({
    ...{ database, telemetry, receivers, clock, log, alarms, nodeId, dataDir },
    staleAfterMs: settings.staleAfterS * 1000,
    time,
    meters: createPacketMeters(metrics),
    host: settings.host,
    packetSizeMax: settings.packetSizeMax,
    leaseMs: parts.leaseMs ?? 10_000,
    reportEveryMs: parts.reportEveryMs ?? 5_000,
    onChanged({ pass, state }, what) {
      events.changed({ passId: pass.passId, ship: pass.ship, state });
      if (what === "state") database.notify(passChannel, pass.passId);
    },
    onBegun: (runner) => inspection.began(runner),
    onMovedElsewhere: (passId) => void tell(passId),
  });
  function changed(change: PassChange): void {
    events.changed(change);
    schedule.look(change.passId);
    database.notify(passChannel, change.passId);
  }
  const contacts = new ContactPlanner({ sql: database.sql, settings, clock, log, onChanged: changed });
  metrics.sampled(metrics.packets.listeners, () => schedule.runners.filter((runner) => runner.isListening).length);

  async function tell(passId: PassId): Promise<void> {
    if (!events.isHeard) return;
    const pass = await findPass(database.sql, passId).catch(() => null); // only news: a page shows it with its next read
    if (pass !== null) events.changed({ passId, ship: pass.ship, state: pass.state });
  }

  return {
    async start() {
      await schedule.start();
      contacts.start();
    },
    async stop() {
      await contacts.stop();
      await schedule.stop();
      events.stop();
      await receivers.close();
    },
    live(passId) {
      const runner = schedule.runnerOf(passId);
      if (runner === null) return null;
      const { state, reason, isListening, record } = runner;
      return { state, reason, isListening, ledger: runner.ledger(), packetsPerSecond: record.rate.perSecond };
    },
    liveValues: (ship) =>
      schedule.runners.filter((runner) => runner.pass.ship === ship).map((runner) => runner.record.latestValues()),
    inspection,
    changed,
    lookAtContacts: () => contacts.wake(),
    onPassChanged: (hear) => events.on(hear),
  };
}

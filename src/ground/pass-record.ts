/** What is kept of a running pass: builds the report of its ledger, latest values and checkpoint, and stores it under the lease's token. */
import type { Clock } from "../model/clock.ts";
import type { PassRow } from "../model/pass.ts";
import { saveProgress } from "../store/pass-progress.ts";
import type { Sql } from "../store/sql.ts";
import type { Intake } from "./intake.ts";
import type { LatestValue, LatestValues } from "./latest.ts";
import type { LedgerJson } from "./ledger-json.ts";
import { PacketRate } from "./packet-rate.ts";
import type { PassCheckpoint, Start } from "./resume.ts";

export interface PassRecordParts {
  readonly sql: Sql;
  readonly clock: Clock;
  readonly pass: PassRow;
  readonly intake: Intake;
  readonly start: Start;
}

export class PassRecord {
  readonly #parts: PassRecordParts;
  readonly #latest: LatestValues | null;
  /** Until when its port is known to have been open, by the database's clock. */
  #heardUntilMs: number | null;
  readonly rate = new PacketRate();
  #savedAtMs: number;

  constructor(parts: PassRecordParts) {
    this.#parts = parts;
    this.#latest = parts.start.latest;
    this.#heardUntilMs = parts.start.heardUntilMs;
    this.#savedAtMs = parts.clock.monotonicMs();
  }

  ledger(): LedgerJson {
    return this.#parts.intake.ledger.json();
  }

  latestValues(): Record<string, LatestValue> {
    return { ...this.#parts.start.latestBefore, ...this.#latest?.json() };
  }

  /** Its port is open. */
  heard(nowMs: number): void {
    this.#heardUntilMs = nowMs;
    this.rate.note(nowMs, this.#parts.intake.ledger.received);
  }

  isOlderThan(ageMs: number): boolean {
    return this.#parts.clock.monotonicMs() - this.#savedAtMs >= ageMs;
  }

  /** False: the lease is lost. */
  async save(): Promise<boolean> {
    const { sql, clock, pass, intake } = this.#parts;
    this.#savedAtMs = clock.monotonicMs();
    // Between two slices: what is judged is also stored, and the stream's position fits the ledger.
    const report = await intake.between(() => {
      const ledger = this.ledger();
      const checkpoint: PassCheckpoint = {
        ledger: intake.ledger.checkpoint(),
        ...intake.position,
        heardUntilMs: this.#heardUntilMs,
      };
      return { ledger, checkpoint, latest: this.latestValues() };
    });
    return saveProgress(sql, {
      passId: pass.passId,
      token: pass.token,
      ship: pass.ship,
      at: clock.now(),
      ledger: JSON.stringify(report.ledger),
      latest: JSON.stringify(report.latest),
      checkpoint: JSON.stringify(report.checkpoint),
      counters: JSON.stringify(countersOf(report.ledger)),
    });
  }
}

/** The ledger in a few numbers. */
export interface PassCounters {
  readonly datagrams: number;
  readonly bytes: number;
  readonly received: number;
  readonly stored: number;
  readonly duplicates: number;
  readonly out_of_order: number;
  readonly rejected: number;
  readonly missing: number;
  readonly kernel_drops: number | null;
  readonly queue_drops: number;
  readonly store_drops: number;
}

export function countersOf(ledger: LedgerJson): PassCounters {
  const { datagrams, bytes, received, stored, duplicates, out_of_order, missing } = ledger;
  const rejected = Object.values(ledger.rejected).reduce((sum, count) => sum + count, 0);
  const { kernel_drops, queue_drops, store_drops } = ledger;
  return {
    ...{ datagrams, bytes, received, stored, duplicates, out_of_order, rejected, missing },
    ...{ kernel_drops, queue_drops, store_drops },
  };
}

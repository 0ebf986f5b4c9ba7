/**
 * The alarms of one pass while this node holds it: parameters beyond their limits, silence, what the kernel drops, and at the end how
 * complete it is. Looks a few times a second; stores at most once a second, apart from the packets' way. What cannot be stored waits.
 */
import { severityOf } from "../model/alarm.ts";
import { type Clock, type Instant, instantOf } from "../model/clock.ts";
import type { Log } from "../observe/log.ts";
import type { OpenAlarm } from "../store/alarm-changes.ts";
import type { Alarms } from "../supervisor/alarms.ts";
import type { Ledger } from "./ledger.ts";
import type { LedgerJson } from "./ledger-json.ts";
import { PendingAlarms } from "./pending-alarms.ts";
import type { PassToRun } from "./resume.ts";
import { Silence, type Watched } from "./silence.ts";
import { isTransient } from "./transient.ts";

export interface PassAlarmsParts {
  readonly alarms: Pick<Alarms, "change" | "dropped">;
  readonly clock: Clock;
  readonly log: Log;
  /** Silence of a whole pass; 0: nobody minds. */
  readonly staleAfterMs: number;
  /** The lease is another holder's. */
  readonly onLost: () => void;
}

const lookEveryMs = 250;
const storeEveryMs = 1_000;
const storedAtOnceMax = 500;

export class PassAlarms {
  readonly #parts: PassAlarmsParts;
  readonly #run: PassToRun;
  readonly #ledger: Ledger;
  readonly #silence: Silence;
  readonly #pending = new PendingAlarms();
  #kernelDrops = 0;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #storedMs = Number.NEGATIVE_INFINITY;
  #storing: Promise<boolean> | null = null;

  constructor(parts: PassAlarmsParts, run: PassToRun) {
    this.#parts = parts;
    this.#run = run;
    this.#ledger = run.start.ledger;
    this.#silence = new Silence(watchedOf(run, parts.staleAfterMs));
    for (const open of run.start.openAlarms) this.#resume(open);
  }

  /** `isListening`: it is between AOS and LOS, and its port is open. */
  look(isListening: boolean): void {
    const { clock, log, onLost } = this.#parts;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#lookedMs < lookEveryMs) return;
    this.#lookedMs = nowMs;
    this.#noteSilence(nowMs, isListening);
    this.#noteDrops();
    if (this.#storing !== null || nowMs - this.#storedMs < storeEveryMs) return;
    this.#noteLimits();
    if (this.#pending.size === 0) return;
    this.#storedMs = nowMs;
    const notYet = (error: unknown): void =>
      log.warn({ err: error, passId: this.#run.pass.passId }, "alarms could not be stored yet");
    this.#store().then((isHeld) => isHeld || onLost(), notYet);
  }

  /** All that is known, stored. Rejects when the store is away: then it still waits. False: the lease is lost. */
  async flush(): Promise<boolean> {
    await this.#storing?.catch(() => {});
    this.#noteDrops();
    this.#noteLimits();
    while (this.#pending.size > 0) if (!(await this.#store())) return false;
    return true;
  }

  /** The pass is about to be completed. */
  complete({ completeness, ...ledger }: LedgerJson): Promise<boolean> {
    const { completenessMin: min } = this.#run.ship;
    if (min !== null && completeness < min) {
      const { received, stored, missing, kernel_drops } = ledger;
      const detail = JSON.stringify({ completeness, completeness_min: min, received, stored, missing, kernel_drops });
      const at = this.#parts.clock.now();
      const about = this.#about("pass.completeness", "");
      this.#pending.raise({ ...about, severity: "warning", at, detail, isOver: true });
    }
    return this.flush();
  }

  /** The pass is another node's, or nobody's: what waits is not stored any more. */
  abandon(): void {
    this.#noteLimits();
    this.#parts.alarms.dropped(this.#pending.size);
  }

  /** What this holder found open. Of parameters the decoder knows already, as packets before this one counted. */
  #resume({ kind, subject }: OpenAlarm): void {
    if (kind === "pass.stale") this.#silence.resume(subject);
    else if (this.#run.start.latest?.limitAlarms.has(subject) !== true) {
      const resolution = "it has no limits any more";
      this.#pending.clear({ ...this.#about("parameter.limit", subject), at: this.#parts.clock.now(), resolution });
    }
  }

  #noteLimits(): void {
    for (const turn of this.#run.start.latest?.limitAlarms.drain() ?? []) {
      const { parameter, level, peak, limit, value, atMs } = turn;
      const about = { ...this.#about("parameter.limit", parameter), at: this.#instantOf(atMs) };
      const detail = JSON.stringify({ value: Number.isFinite(value) ? value : null, limit });
      if (peak > 0) this.#pending.raise({ ...about, severity: severityOf(peak), detail });
      const clearedAt = peak > 0 ? this.#parts.clock.now() : about.at;
      if (level === 0) this.#pending.clear({ ...about, at: clearedAt, resolution: null });
    }
  }

  #noteSilence(nowMs: number, isListening: boolean): void {
    for (const { subject, isSilent, maxMs } of this.#silence.look(nowMs, isListening)) {
      const about = { ...this.#about("pass.stale", subject), at: this.#parts.clock.now() };
      const severity = subject === "" ? "critical" : "warning";
      if (isSilent) this.#pending.raise({ ...about, severity, detail: JSON.stringify({ silent_s: maxMs / 1000 }) });
      else this.#pending.clear({ ...about, resolution: null });
    }
  }

  #noteDrops(): void {
    const drops = this.#ledger.kernelDrops ?? 0;
    if (drops <= this.#kernelDrops) return;
    this.#kernelDrops = drops;
    const detail = JSON.stringify({ kernel_drops: drops });
    const about = this.#about("pass.kernel_drops", "");
    this.#pending.raise({ ...about, severity: "warning", at: this.#parts.clock.now(), detail });
  }

  #store(): Promise<boolean> {
    const changes = this.#pending.take(storedAtOnceMax);
    const storing = this.#tryToStore(changes).finally(() => {
      this.#storing = null;
    });
    this.#storing = storing;
    return storing;
  }

  async #tryToStore(changes: ReturnType<PendingAlarms["take"]>): Promise<boolean> {
    const { alarms, log } = this.#parts;
    const { passId } = this.#run.pass;
    try {
      const isStored = await alarms.change(this.#run.pass, changes);
      if (!isStored) this.#pending.putBack(changes);
      return isStored;
    } catch (error) {
      if (isTransient(error)) {
        this.#pending.putBack(changes);
        throw error;
      }
      log.error({ err: error, passId }, "alarms of a pass were refused by the store");
      alarms.dropped(changes.raise.length + changes.clear.length);
      return true;
    }
  }

  #about<Kind extends string>(kind: Kind, subject: string) {
    const { ship, passId } = this.#run.pass;
    return { kind, ship, passId, subject };
  }

  /** The receiver's clock may be anything; of a nonsensical time: now. */
  #instantOf(atMs: number): Instant {
    return atMs > 0 ? instantOf(atMs) : this.#parts.clock.now();
  }
}

function watchedOf({ ship, start }: PassToRun, staleAfterMs: number): Watched[] {
  const { ledger, latest } = start;
  const watched: Watched[] = [];
  if (staleAfterMs > 0) watched.push({ subject: "", maxMs: staleAfterMs, count: () => ledger.heard });
  for (const [index, { name, expected_every_s: everyS }] of ship.packets?.packets.entries() ?? []) {
    if (everyS === undefined || latest === null) continue;
    watched.push({ subject: name, maxMs: everyS * 1000, count: () => latest.turnOf(index) });
  }
  return watched;
}

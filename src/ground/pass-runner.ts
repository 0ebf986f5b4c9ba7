/**
 * Runs one pass while this node holds its lease: feeds its machine with time and news, does what the machine wants, and keeps
 * what is stored of the pass in step. Every write is fenced by the lease's token; a refused one ends the run.
 */
import { type Actor, createActor } from "xstate";
import { type PassEvent, type PassWish, passMachine } from "../../actors/pass.ts";
import type { Instant } from "../model/clock.ts";
import { hasEnded, type PassRow, type PassState } from "../model/pass.ts";
import { endOfPass, movePass, type PassStanding, releasePass } from "../store/pass-leases.ts";
import { archiveOnly, type CompletionOrder, completeAtLast } from "./completion.ts";
import type { Intake } from "./intake.ts";
import type { LedgerJson } from "./ledger-json.ts";
import { PassAlarms } from "./pass-alarms.ts";
import { contextOf, dueMsOf } from "./pass-context.ts";
import { createPassIntake } from "./pass-intake.ts";
import { PassRecord } from "./pass-record.ts";
import { PassSocket } from "./pass-socket.ts";
import type { ReceiverStats } from "./receiver.ts";
import type { PassToRun } from "./resume.ts";
import type { RunnerParts } from "./runner-parts.ts";
import { isTransient, persistently } from "./transient.ts";

export class PassRunner {
  readonly #parts: RunnerParts;
  /** As it was taken, but for its LOS: that may be moved. */
  #run: PassToRun;
  readonly actor: Actor<typeof passMachine>;
  readonly #socket: PassSocket;
  readonly #intake: Intake;
  readonly record: PassRecord;
  readonly #alarms: PassAlarms;
  /** What is stored of its state, or is on its way there; writes follow one another. */
  #stored: PassStanding;
  #writes: Promise<void> = Promise.resolve();
  #isSaving = false;
  #hasNews = false;
  /** It is on its way out: time moves it no more. */
  #isLeaving = false;
  /** Lease lost, given up or ended: nothing is written any more. */
  #isOver = false;

  constructor(parts: RunnerParts, run: PassToRun) {
    const { pass, ship, start } = run;
    this.#parts = parts;
    this.#run = run;
    this.#stored = { state: pass.state, reason: pass.reason, isOpen: false, wasOpened: pass.openedAt !== null };
    this.#intake = createPassIntake(parts, pass, ship, start, {
      onSettled: () => {
        this.#hasNews = true;
      },
      onSealed: () => this.abandon("a newer holder has sealed its stream"),
    });
    this.record = new PassRecord({ ...parts, pass, intake: this.#intake, start });
    this.#alarms = new PassAlarms({ ...parts, onLost: () => this.abandon("its lease is another holder's") }, run);
    this.#socket = new PassSocket({
      receivers: parts.receivers,
      options: { format: ship.format, packetSizeMax: parts.packetSizeMax, log: parts.log },
      packetsPerS: ship.quota.packetsPerS,
      nowMs: parts.time.nowMs,
      tell: (event) => this.#send(event),
      take: (batch) => this.#intake.take(batch),
      counted: (stats, isClosed) => this.#intake.between(() => this.#count(stats, isClosed)),
    });
    const input = contextOf(pass);
    const snapshot = passMachine.resolveState({ value: pass.state, context: input });
    this.actor = createActor(passMachine, { input, snapshot });
    this.actor.on("*", (wish) => this.#do(wish));
    this.actor.subscribe(() => this.#follow());
  }

  get pass(): PassRow {
    return this.#run.pass;
  }

  get state(): PassState {
    return this.actor.getSnapshot().value;
  }

  get reason(): string | null {
    return this.actor.getSnapshot().context.reason;
  }

  get isListening(): boolean {
    return this.#socket.isOpen;
  }

  ledger(): LedgerJson {
    const stats = this.#socket.stats();
    if (stats !== null) this.#intake.ledger.socket(stats);
    return this.#intake.ledger.json();
  }

  begin(holdUntilMs: number): void {
    this.#socket.holdUntil(holdUntilMs);
    this.actor.start();
    this.#send({ type: "lease.taken", nowMs: this.#parts.time.nowMs(), heardUntilMs: this.#run.start.heardUntilMs });
  }

  /** The lease is renewed: until then by the monotonic clock, counted from before it was asked for. */
  holdUntil(monotonicMs: number): void {
    this.#socket.holdUntil(monotonicMs);
  }

  /** Called several times a second. The machine hears of time only where time may move it. */
  tick(): void {
    if (this.#isOver || this.#isLeaving) return;
    const nowMs = this.#parts.time.nowMs();
    if (nowMs >= dueMsOf(this.actor.getSnapshot(), nowMs)) this.#send({ type: "clock.ticked", nowMs });
    if (this.#socket.isOpen) this.record.heard(nowMs);
    this.#alarms.look(this.state === "receiving" && this.#socket.isOpen);
    if (this.record.isOlderThan(this.#parts.reportEveryMs) && !this.#isSaving) void this.#write(() => this.#save());
    if (!this.#hasNews) return;
    this.#hasNews = false;
    this.#parts.onChanged(this, "numbers");
  }

  /** What its ship may send, as it is stored. */
  limit(packetsPerS: number | null): void {
    this.#socket.limit(packetsPerS);
  }

  /** Its LOS as it is stored: later, if somebody has extended it. */
  extended(los: Instant): void {
    if (los <= this.pass.los) return;
    this.#run = { ...this.#run, pass: { ...this.pass, los } };
    const { losMs, closesAtMs } = contextOf(this.pass);
    this.#send({ type: "window.extended", losMs, closesAtMs });
  }

  /** Somebody has cancelled it in the store. */
  cancelled(reason: string): void {
    if (this.#isOver || hasEnded(this.state)) return;
    this.#stored = { ...this.#stored, state: "cancelled", reason };
    this.#send({ type: "pass.cancelled", reason });
  }

  /** The lease is lost: another node may hold the pass. Closes the port and writes nothing. */
  abandon(why: string): void {
    if (this.#isOver) return;
    this.#parts.log.warn({ passId: this.pass.passId, token: this.pass.token, why }, "pass given up");
    this.#alarms.abandon();
    void this.#leave();
  }

  /** Gives the pass up in good order: what was received is stored and noted, and another holder may go on at once. */
  async release(): Promise<void> {
    if (this.#isOver) return;
    this.#isLeaving = true;
    if (this.#socket.isOpen) this.record.heard(this.#parts.time.nowMs());
    await this.#socket.close();
    await this.#write(async () => {
      if (this.#isOver) return true; // its completion was under way and got through
      if ((await this.#save()) && (await this.#alarms.flush())) await releasePass(this.#parts.sql, this.pass);
      await this.#leave();
      return true;
    });
  }

  #send(event: PassEvent): void {
    if (!this.#isOver) this.actor.send(event);
  }

  #do(wish: PassWish): void {
    switch (wish.type) {
      case "socket.open":
        if (!this.#isLeaving) this.#socket.open(wish.host, wish.port);
        return;
      case "socket.drain":
        void this.#socket.drain(wish.untilMs);
        return;
      case "socket.close":
        void this.#socket.close();
        return;
      case "outage.record":
        void this.#intake.between(() => this.#intake.ledger.outage(wish.fromMs, wish.toMs));
        void this.#write(() => this.#save()); // whoever replays the stream cannot tell from it
        return;
      case "pass.complete":
        void this.#write(() => this.#complete());
        return;
      default:
        wish satisfies never;
    }
  }

  /** Stores each new state. Completed is stored with its plan, cancelled was stored by whoever did it. */
  #follow(): void {
    const { value: state, context } = this.actor.getSnapshot();
    const before = this.#stored;
    const now: PassStanding = { state, reason: context.reason, isOpen: context.isOpen, wasOpened: context.everOpen };
    this.#stored = now;
    const isNew = before.state !== state || before.reason !== now.reason || before.isOpen !== now.isOpen;
    if (isNew && state !== "completed" && state !== "cancelled") {
      void this.#write(() => this.#move(now));
    }
    if (hasEnded(state) && !this.#isLeaving) {
      this.#isLeaving = true;
      if (state !== "completed") void this.#write(() => this.#end());
    }
  }

  /** One after the other, until done. False from `work`: the lease is lost. */
  #write(work: () => Promise<boolean>): Promise<void> {
    this.#writes = this.#writes.then(async () => {
      try {
        if ((await persistently(work, () => !this.#isOver)) === false) this.abandon("its lease is another holder's");
      } catch (error) {
        this.#parts.log.error({ err: error, passId: this.pass.passId }, "pass failed");
        this.#send({ type: "work.failed", reason: error instanceof Error ? error.message : String(error) });
      }
    });
    return this.#writes;
  }

  async #move(standing: PassStanding): Promise<boolean> {
    const { passId, token } = this.pass;
    const { receiveBufferBytes } = this.#socket;
    const move = { ...standing, passId, token, receiveBufferBytes, at: this.#parts.clock.now() };
    const isMoved = await movePass(this.#parts.sql, move);
    if (isMoved) this.#parts.onChanged(this, "state");
    return isMoved || (await this.#endedAs()) !== null;
  }

  async #save(): Promise<boolean> {
    this.#isSaving = true;
    try {
      const stats = this.#socket.stats();
      if (stats !== null) this.#count(stats, false);
      return await this.record.save();
    } finally {
      this.#isSaving = false;
    }
  }

  async #complete(): Promise<boolean> {
    if (this.#isOver || hasEnded(this.state)) return true;
    if (!(await this.#save())) return false;
    await this.#intake.close();
    const order = this.#order();
    if (!(await this.#alarms.complete(order.ledger))) return false;
    const isStored = await completeAtLast(this.#parts, order, this.#parts.log);
    if (!isStored) return (await this.#endedAs()) !== null;
    this.#send({ type: "completion.stored" });
    this.#parts.onChanged(this, "state");
    await this.#leave();
    this.#parts.log.info({ passId: this.pass.passId, stored: order.ledger.stored }, "pass completed");
    return true;
  }

  /** Missed, failed or cancelled: closes the port, notes what was received, lets the lease go. */
  async #end(): Promise<boolean> {
    await this.#socket.close();
    try {
      await this.#save();
      await this.#alarms.flush();
      await this.#intake.close();
      await archiveOnly(this.#parts, this.#order(), this.#parts.log);
      await releasePass(this.#parts.sql, this.pass);
    } catch (error) {
      if (isTransient(error)) throw error;
      this.#parts.log.error({ err: error, passId: this.pass.passId }, "the end of a pass could not be noted");
    }
    this.#parts.onChanged(this, "state");
    await this.#leave();
    return true;
  }

  #order(): CompletionOrder {
    const { pass, ship } = this.#run;
    return { pass, ship, ledger: this.ledger(), at: this.#parts.clock.now() };
  }

  /** Why a write was refused: how the pass has ended; null: the lease is lost. */
  async #endedAs(): Promise<PassState | null> {
    const end = await endOfPass(this.#parts.sql, this.pass);
    if (end?.state === "cancelled") this.cancelled(end.reason ?? "");
    return end?.state ?? null;
  }

  async #leave(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await this.#socket.close();
    await this.#intake.close().catch(() => {}); // what it could not take back is in its checkpoint
    this.actor.stop();
    this.#parts.onEnded(this);
  }

  #count(stats: ReceiverStats, isClosed: boolean): void {
    this.#intake.ledger.socket(stats);
    this.#parts.meters.socket(this.pass, stats, isClosed);
    if (isClosed) this.#intake.ledger.socketClosed();
  }
}

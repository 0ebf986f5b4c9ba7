/**
 * A node's passes: finds those whose time has come, takes their leases, renews all leases in one statement every third of
 * their time, and keeps the runners' clocks. Polling finds everything; hints between nodes only make it quicker.
 */
import { poll, type Repeating } from "../jobs/repeat.ts";
import type { PassId, PassRow } from "../model/pass.ts";
import type { Log } from "../observe/log.ts";
import {
  type HeldPass,
  missUntakenPasses,
  nextOpeningMs,
  releaseAllPasses,
  renewPasses,
  takePasses,
} from "../store/pass-leases.ts";
import { findShip } from "../store/ships.ts";
import type { Database } from "../store/sql.ts";
import { ownHosts } from "./hosts.ts";
import { type PacketDefinition, parsePacketDefinition } from "./packet-definition.ts";
import { PassRunner } from "./pass-runner.ts";
import { startOf } from "./resume.ts";
import type { RunnerParts } from "./runner-parts.ts";
import { persistently } from "./transient.ts";

export interface ScheduleParts extends Omit<RunnerParts, "sql" | "onEnded"> {
  readonly database: Database;
  readonly nodeId: string;
  readonly host: string;
  readonly leaseMs: number;
  /** A pass was taken, and is about to begin. */
  readonly onBegun: (runner: PassRunner) => void;
  /** A pass that was moved by a sweep, or on another node. */
  readonly onMovedElsewhere: (passId: PassId) => void;
}

interface Held {
  readonly pass: PassRow;
  /** Null while it is made ready. */
  runner: PassRunner | null;
  holdUntilMs: number;
  isLost: boolean;
}

export const passChannel = "orrery_pass";
const pollMsMax = 1_000;
const tickMs = 50;
const takenAtOnceMax = 64;
/** The socket closes this long before the lease ends: clocks of two machines may run apart by so much. */
const holdMarginMs = 100;

export class Schedule {
  readonly #parts: ScheduleParts;
  readonly #held = new Map<PassId, Held>();
  #isStopped = false;
  #timers: ReturnType<typeof setTimeout>[] = [];
  #polling: Repeating | null = null;
  #isRenewing = false;
  #renewAgain = false;
  #renewedAtMs = 0;
  #unlisten: () => Promise<void> = async () => {};

  constructor(parts: ScheduleParts) {
    this.#parts = parts;
  }

  get runners(): PassRunner[] {
    return [...this.#held.values()].flatMap(({ runner }) => (runner === null ? [] : [runner]));
  }

  runnerOf(passId: PassId): PassRunner | null {
    return this.#held.get(passId)?.runner ?? null;
  }

  async start(): Promise<void> {
    const { database, leaseMs } = this.#parts;
    if (database.kind === "embedded") await releaseAllPasses(database.sql);
    this.#unlisten = await database.listen(passChannel, (passId) => {
      this.look(passId);
      if (passId !== null && !this.#held.has(passId)) this.#parts.onMovedElsewhere(passId);
    });
    this.#polling = poll("passes", pollMsMax, this.#parts.log, () => this.#poll());
    const everyMs = Math.max(tickMs, Math.floor(leaseMs / 12));
    this.#timers = [
      setInterval(() => this.#tick(), tickMs),
      setInterval(() => {
        if (this.#parts.clock.monotonicMs() - this.#renewedAtMs >= leaseMs / 3) void this.#renew();
      }, everyMs),
    ];
  }

  /** Something was planned or cancelled: `passId`, or null for anything. */
  look(passId: PassId | null): void {
    if (passId === null || this.#held.has(passId)) void this.#renew();
    this.#polling?.now();
  }

  /** Gives all passes up in good order. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const polled = this.#polling?.stop();
    await this.#unlisten();
    await polled;
    await Promise.all(
      this.runners.map((runner) => runner.release().catch((error: unknown) => this.#warn(error, "pass not released"))),
    );
    for (const timer of this.#timers) clearInterval(timer);
  }

  /** Milliseconds until the next pass may have to be opened. */
  async #poll(): Promise<number> {
    try {
      while (!this.#isStopped && (await this.#take()) === takenAtOnceMax);
      for (const passId of await missUntakenPasses(this.#parts.database.sql, this.#parts.clock.now())) {
        this.#parts.onMovedElsewhere(passId);
      }
      return Math.max(1, Math.min(pollMsMax, (await nextOpeningMs(this.#parts.database.sql)) ?? pollMsMax));
    } catch (error) {
      this.#warn(error, "passes could not be looked for");
      return pollMsMax;
    }
  }

  async #take(): Promise<number> {
    const { database, nodeId, host, leaseMs, clock, time } = this.#parts;
    const sentMs = clock.monotonicMs();
    const taken = await takePasses(database.sql, {
      nodeId,
      leaseMs,
      hosts: ownHosts(host),
      held: [...this.#held.keys()],
      countMax: takenAtOnceMax,
    });
    for (const { pass, nowMs } of taken) {
      time.noted(nowMs, sentMs, clock.monotonicMs());
      const held: Held = { pass, runner: null, holdUntilMs: this.#holdUntil(sentMs), isLost: false };
      this.#held.set(pass.passId, held);
      void this.#begin(held);
    }
    return taken.length;
  }

  async #begin(held: Held): Promise<void> {
    const { database, telemetry, log } = this.#parts;
    const { pass } = held;
    const isWanted = () => !held.isLost && !this.#isStopped;
    try {
      const run = await persistently(async () => {
        const ship = await findShip(database.sql, pass.ship);
        if (ship === null) throw new Error(`There is no ship ${pass.ship}`);
        const packets = this.#definitionOf(ship.definition, pass);
        const start = await startOf(pass, { ...ship, definition: packets }, { sql: database.sql, telemetry });
        return { pass, ship: { ...ship, packets }, start };
      }, isWanted);
      if (run === null || !isWanted()) {
        this.#held.delete(pass.passId);
        return;
      }
      const parts = { ...this.#parts, sql: database.sql, onEnded: () => this.#ended(held) };
      held.runner = new PassRunner(parts, run);
      this.#parts.onBegun(held.runner);
      held.runner.begin(held.holdUntilMs);
      log.info({ passId: pass.passId, ship: pass.ship, port: pass.port, token: pass.token }, "pass taken");
    } catch (error) {
      this.#held.delete(pass.passId);
      this.#warn(error, "pass could not be begun: it is tried again when its lease ends");
    }
  }

  /** A definition that this version does not read any more must not cost the packets. */
  #definitionOf(definition: string | null, { passId, ship }: PassRow): PacketDefinition | null {
    if (definition === null) return null;
    try {
      return parsePacketDefinition(JSON.parse(definition));
    } catch (error) {
      this.#parts.log.error({ err: error, passId, ship }, "packets are stored undecoded");
      return null;
    }
  }

  async #renew(): Promise<void> {
    if (this.#isRenewing) {
      this.#renewAgain = true;
      return;
    }
    if (this.#held.size === 0) return;
    this.#isRenewing = true;
    const { database, leaseMs, clock, time } = this.#parts;
    const asked = [...this.#held.values()];
    const sentMs = clock.monotonicMs();
    try {
      const { held, nowMs } = await renewPasses(
        database.sql,
        asked.map(({ pass }) => pass),
        leaseMs,
      );
      time.noted(nowMs, sentMs, clock.monotonicMs());
      this.#renewedAtMs = sentMs;
      const renewed = new Map(held.map((one) => [one.passId, one]));
      for (const one of asked) this.#renewed(one, renewed.get(one.pass.passId), this.#holdUntil(sentMs));
    } catch (error) {
      this.#warn(error, "leases of passes could not be renewed");
    } finally {
      this.#isRenewing = false;
      if (this.#renewAgain) {
        this.#renewAgain = false;
        void this.#renew();
      }
    }
  }

  #renewed(held: Held, now: HeldPass | undefined, holdUntilMs: number): void {
    if (now === undefined) {
      held.isLost = true;
      held.runner?.abandon("its lease is another holder's");
      return;
    }
    held.holdUntilMs = holdUntilMs;
    held.runner?.holdUntil(holdUntilMs);
    held.runner?.extended(now.los);
    held.runner?.limit(now.packetsPerS);
    if (now.state === "cancelled") held.runner?.cancelled(now.reason ?? "cancelled");
  }

  /** Counted from before the lease was asked for. A process that is alone on its store loses a port to nobody. */
  #holdUntil(sentMs: number): number {
    const { database, leaseMs } = this.#parts;
    return database.kind === "embedded" ? Number.POSITIVE_INFINITY : sentMs + leaseMs - holdMarginMs;
  }

  #tick(): void {
    for (const { runner } of this.#held.values()) runner?.tick();
  }

  #ended(held: Held): void {
    if (this.#held.get(held.pass.passId) === held) this.#held.delete(held.pass.passId);
  }

  #warn(error: unknown, message: string): void {
    const log: Log = this.#parts.log;
    log.warn({ err: error }, message);
  }
}

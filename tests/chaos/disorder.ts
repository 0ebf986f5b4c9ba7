/** The hostile hand: a random process is killed or frozen every 2 s, and the database is killed every 10 s, until it is told to stop. */
import { setTimeout as sleep } from "node:timers/promises";
import type { PostgresService } from "../../scripts/services/postgres.ts";
import type { ChaosFleet, Member } from "./fleet.ts";
import { leaseMs } from "./place.ts";

const everyMs = 2_000;
const restartEveryMs = 10_000;
/** Each fifth victim is frozen, the third one first. */
const frozenEach = 5;

export class Disorder {
  readonly done = { nodeKills: 0, workerKills: 0, freezes: 0, restarts: 0 };
  readonly #fleet: ChaosFleet;
  readonly #postgres: PostgresService;
  readonly #random: () => number;
  #strikes = 0;
  readonly #end = new AbortController();
  readonly #loops: Promise<unknown>;
  readonly #frozen = new Set<Promise<void>>();

  constructor(fleet: ChaosFleet, postgres: PostgresService, random: () => number) {
    this.#fleet = fleet;
    this.#postgres = postgres;
    this.#random = random;
    this.#loops = Promise.all([
      this.#every(everyMs, () => this.#strike()),
      this.#every(restartEveryMs, () => this.#restart()),
    ]);
    this.#loops.catch(() => undefined); // thrown by stop()
  }

  /** Afterwards everybody is up, or on the way. */
  async stop(): Promise<void> {
    this.#end.abort();
    await this.#loops;
    await Promise.all(this.#frozen);
  }

  async #every(ms: number, work: () => Promise<void>): Promise<void> {
    const { signal } = this.#end;
    let nextMs = performance.now() + ms;
    while (!signal.aborted) {
      await sleep(Math.max(0, nextMs - performance.now()), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      this.#fleet.check();
      await work();
      nextMs = Math.max(nextMs + ms, performance.now());
    }
  }

  async #strike(): Promise<void> {
    const { members } = this.#fleet;
    const up = members.filter((member) => member.isUp);
    const member = up[Math.floor(this.#random() * up.length)];
    if (member === undefined) return;
    this.#strikes += 1;
    if (this.#strikes % frozenEach === 3) {
      const freezing = this.#freeze(member, leaseMs * (1.25 + 1.75 * this.#random()));
      this.#frozen.add(freezing);
      void freezing.finally(() => this.#frozen.delete(freezing));
      return;
    }
    this.done[member.call.kind === "node" ? "nodeKills" : "workerKills"] += 1;
    await member.kill();
    member.start();
  }

  async #freeze(member: Member, ms: number): Promise<void> {
    this.done.freezes += 1;
    member.freeze();
    await sleep(ms);
    member.thaw();
  }

  async #restart(): Promise<void> {
    this.done.restarts += 1;
    await this.#postgres.restartAtOnce();
  }
}

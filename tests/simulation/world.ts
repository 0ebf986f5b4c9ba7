/**
 * Three nodes with the real actors and supervisors on one fake database, clients and workers that use them, and faults:
 * everything by one seed. The invariants of docs/testing.md are checked after every commit, answer and read.
 */
import assert from "node:assert/strict";
import type { Command } from "../../src/model/command.ts";
import { LeaseLostError, OrreryError } from "../../src/model/errors.ts";
import type { DatasetId } from "../../src/model/ids.ts";
import type { PlanStore, Step } from "../../src/store/plan-store.ts";
import { createSupervisor, type Supervisor } from "../../src/supervisor/supervisor.ts";
import { randomCommand } from "./commands.ts";
import { FakeDatabase } from "./fake-database.ts";
import { type LinkFaults, linkTo } from "./link.ts";
import { mayHaveJob, OraclePlan } from "./oracle.ts";
import { Scheduler } from "./scheduler.ts";

export interface WorldOptions {
  readonly seed: number;
  /** Commands that the clients send in all. */
  readonly commands: number;
  /** A rule to break, to show that the simulation notices. */
  readonly broken?: "compare-and-set" | "fence" | "reply-after-commit";
}

export interface WorldResult {
  readonly steps: number;
  readonly hash: number;
  /** How often each interesting thing happened. */
  readonly met: ReadonlyMap<string, number>;
}

interface Node {
  isAlive: boolean;
  readonly supervisor: Supervisor;
  /** Rejects when the node crashes: what its callers see. */
  readonly crashed: Promise<never>;
  crash(): void;
}

const datasetIds: DatasetId[] = [1, 2, 3].map((n) => `aaaaaaaa-0000-4000-8000-00000000000${n}`);
const leaseMs = 150;
const quiet: LinkFaults = { lostRequest: 0, lostAnswer: 0, ghost: 0, rolledBack: 0, unavailable: 0 };
const crashedError = new Error("the node crashed");

export async function runWorld(options: WorldOptions): Promise<WorldResult> {
  return await new World(options).run();
}

class World {
  readonly #options: WorldOptions;
  readonly #scheduler: Scheduler;
  readonly #database: FakeDatabase;
  readonly #met = new Map<string, number>();
  readonly #commands = new Map<string, Command>();
  readonly #applied = new Set<string>();
  readonly #oracles = new Map<DatasetId, OraclePlan>();
  readonly #acknowledged = new Map<DatasetId, number>();
  readonly #nodes: Node[] = [];
  #faults: LinkFaults;
  #busy = 0;
  #failure: unknown = null;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#scheduler = new Scheduler(options.seed);
    this.#database = new FakeDatabase(() => this.#scheduler.nowMs);
    this.#database.ignoresRevisions = options.broken === "compare-and-set";
    this.#database.ignoresTokens = options.broken === "fence";
    this.#database.onApplied = (step) => this.#check(() => this.#checkApplied(step));
    const on = (share: number) => (this.#scheduler.chance(0.5) ? share : 0);
    this.#faults = {
      lostRequest: on(0.03),
      lostAnswer: on(0.05),
      ghost: on(0.04),
      rolledBack: on(0.05),
      unavailable: on(0.03),
    };
    for (const id of datasetIds) this.#oracles.set(id, new OraclePlan());
  }

  async run(): Promise<WorldResult> {
    for (let i = 0; i < 3; i++) this.#nodes.push(this.#startNode());
    const perClient = Math.ceil(this.#options.commands / 6);
    for (let i = 0; i < 6; i++) this.#start(() => this.#client(perClient));
    for (let i = 0; i < 3; i++) this.#start(() => this.#worker());
    if (this.#scheduler.chance(0.7)) this.#start(() => this.#crasher());
    await this.#scheduler.runUntil(() => this.#busy === 0 || this.#failure !== null, 200_000);
    if (this.#failure === null) {
      this.#faults = quiet;
      this.#start(() => this.#checkConverged());
      await this.#scheduler.runUntil(() => this.#busy === 0 || this.#failure !== null, 50_000);
    }
    for (const node of this.#nodes) node.crash();
    if (this.#failure !== null) throw this.#failure;
    return { steps: this.#scheduler.steps, hash: this.#scheduler.hash, met: this.#met };
  }

  #start(work: () => Promise<void>): void {
    this.#busy += 1;
    void work()
      .catch((error) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#busy -= 1;
      });
  }

  #check(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#failure ??= error;
    }
  }

  #meet(what: string): void {
    this.#met.set(what, (this.#met.get(what) ?? 0) + 1);
  }

  #sleep(ms: number): Promise<void> {
    return this.#scheduler.timersOf(() => true).sleep(ms);
  }

  #startNode(): Node {
    const scheduler = this.#scheduler;
    let fail: (error: Error) => void = () => {};
    const crashed = new Promise<never>((_, reject) => {
      fail = reject;
    });
    crashed.catch(() => {});
    const life = { isAlive: true };
    const isAlive = () => life.isAlive;
    const met = (what: string) => this.#meet(what);
    const link = linkTo(this.#database, { scheduler, isAlive, faults: () => this.#faults, met });
    const supervisor = createSupervisor({
      store: this.#options.broken === "reply-after-commit" ? answeringEarly(link) : link,
      alone: false,
      clock: scheduler.clock,
      timers: scheduler.timersOf(isAlive),
      ids: { newTurnId: () => scheduler.newId(), newJobId: () => scheduler.newId() },
      computes: {
        names: () => ["cams", "work"],
        isKnown: (name) => name === "cams" || name === "work",
        dispatches: (name) => name === "work",
        get: () => ({ attemptsMax: 3, queue: "products", requires: [] }),
      },
      observe: {
        turn: () => {},
        batch: ({ outcome }) => met(`batch ${outcome}`),
        defect: (error) =>
          this.#check(() => {
            throw error;
          }),
      },
      limits: { idleMs: 50 + scheduler.delayMs(3000), datasetsMax: 2 },
    });
    return Object.assign(life, {
      supervisor,
      crashed,
      crash: () => {
        life.isAlive = false;
        fail(crashedError);
      },
    });
  }

  /** Sends through some node; "lost" when it cannot know what became of it. */
  async #send(command: Command, service: string): Promise<"acknowledged" | "refused" | "lost"> {
    const node = this.#scheduler.pick(this.#nodes);
    const cause = `command ${this.#commands.size}`;
    this.#commands.set(cause, command);
    try {
      const answer = await Promise.race([node.supervisor.submit(command, { service, cause }), node.crashed]);
      assert(this.#applied.has(cause), `S1: ${command.type} was acknowledged before its commit`);
      const revision = answer.revision ?? 0;
      this.#acknowledged.set(command.datasetId, Math.max(revision, this.#acknowledged.get(command.datasetId) ?? 0));
      this.#meet(`acknowledged ${command.type}`);
      return "acknowledged";
    } catch (error) {
      if (error === crashedError) return "lost";
      if (!(error instanceof OrreryError)) throw error;
      this.#meet(`refused: ${error.code}`);
      if (error.status === 503) return "lost";
      assert(!this.#applied.has(cause), `${command.type} was refused (${error.message}), and yet applied`);
      return error instanceof LeaseLostError ? "lost" : "refused";
    }
  }

  async #client(commands: number): Promise<void> {
    for (let i = 0; i < commands; i++) {
      await this.#sleep(this.#scheduler.delayMs(30));
      const datasetId = this.#scheduler.pick(datasetIds);
      if (this.#scheduler.chance(0.2)) await this.#read(datasetId, this.#scheduler.pick(this.#nodes));
      else await this.#send(randomCommand(this.#scheduler, datasetId), "client");
    }
  }

  async #read(datasetId: DatasetId, node: Node): Promise<void> {
    const acknowledged = this.#acknowledged.get(datasetId) ?? 0;
    try {
      const view = await Promise.race([node.supervisor.read(datasetId), node.crashed]);
      assert(
        (view?.revision ?? 0) >= acknowledged,
        `a read gave revision ${view?.revision} after ${acknowledged} was acknowledged`,
      );
      this.#meet("read");
    } catch (error) {
      if (error === crashedError || error instanceof OrreryError) return;
      throw error;
    }
  }

  /** Leases jobs and reports on them, sometimes too late; the reaper is one of its duties. */
  async #worker(): Promise<void> {
    for (let i = 0; i < this.#options.commands / 8; i++) {
      await this.#sleep(20 + this.#scheduler.delayMs(60));
      await this.#reap();
      const job = this.#database.lease(leaseMs);
      if (job === null) continue;
      const { datasetId, productId, jobId, token } = job;
      const lease = { datasetId, productId, jobId, token };
      const begins = this.#scheduler.chance(0.3);
      if (!begins && (await this.#send({ ...lease, type: "attempt.started" }, "orrery")) !== "acknowledged") continue;
      await this.#sleep(this.#scheduler.chance(0.2) ? leaseMs * 2 : this.#scheduler.delayMs(100));
      const attempt = { ...report, attempt: job.attempt + 1 };
      const command: Command = this.#scheduler.chance(0.6)
        ? { ...lease, type: "attempt.succeeded", begins, attempt, link: null, passback: null }
        : {
            ...lease,
            type: "attempt.failed",
            begins,
            attempt: { ...attempt, outcome: "failed" },
            retryInMs: job.attempt + 1 < 3 ? 50 : null,
            reason: "attempts_exhausted",
          };
      await this.#send(command, "orrery");
    }
  }

  async #reap(): Promise<void> {
    const expired = [...this.#database.jobs.values()].find(
      (job) => job.state === "leased" && job.leaseUntilMs < this.#scheduler.nowMs,
    );
    if (!expired) return;
    const { datasetId, productId, jobId, token, attempt, attemptsMax } = expired;
    const lost = { ...report, attempt, outcome: "lost" as const };
    const retryInMs = attempt < attemptsMax ? 0 : null;
    const command = { type: "lease.expired", datasetId, productId, jobId, token, attempt: lost, retryInMs } as const;
    await this.#send({ ...command, reason: "attempts_exhausted" }, "orrery");
  }

  async #crasher(): Promise<void> {
    for (let i = 0; i < 4; i++) {
      await this.#sleep(this.#scheduler.delayMs(1500));
      const at = Math.floor(this.#scheduler.random() * this.#nodes.length);
      this.#nodes[at]?.crash();
      this.#meet("crash");
      this.#nodes[at] = this.#startNode();
    }
  }

  #checkApplied(step: Step): void {
    const oracle = this.#oracles.get(step.datasetId);
    assert(oracle);
    for (const event of step.events) {
      if (event.part > 0) continue;
      this.#scheduler.note(`${step.datasetId} ${event.revision} ${event.cause}`);
      assert(!this.#applied.has(event.cause), `${event.cause} was applied twice`);
      this.#applied.add(event.cause);
      const command = this.#commands.get(event.cause);
      assert(command);
      if ("token" in command) {
        const current = this.#database.jobs.get(command.jobId)?.token;
        assert.equal(command.token, current, `S3: ${command.type} under token ${command.token}, ${current} is current`);
      }
      oracle.apply(command);
    }
    const plan = this.#database.plans.get(step.datasetId);
    assert(plan);
    assert.equal(plan.dataset.paused, oracle.paused);
    for (const [id, row] of plan.products) {
      const expected: string | undefined = oracle.products.get(id)?.state;
      assert.equal(row.state, expected, `S4, S5, S7: ${id} is ${row.state}, by the rules ${expected}`);
      assert(mayHaveJob(row.state, row.jobId), `S5: ${id} is ${row.state} and still names job ${row.jobId}`);
    }
    for (const job of step.jobs) {
      if (job.state !== "queued") continue;
      assert(!plan.dataset.paused || step.events.length > 1, `S6: job ${job.jobId} appeared in a paused dataset`);
    }
    for (const job of this.#database.jobs.values()) {
      if (job.datasetId !== step.datasetId || !["queued", "leased"].includes(job.state)) continue;
      const named: string | null | undefined = plan.products.get(job.productId)?.jobId;
      assert.equal(named, job.jobId, `S5: job ${job.jobId} may still run, but its product names ${named}`);
    }
  }

  /** L4: once the faults stop, every node shows what is stored. */
  async #checkConverged(): Promise<void> {
    // Ghosts that are still under way come first.
    await this.#sleep(5000);
    for (const node of this.#nodes) {
      for (const id of datasetIds) {
        const view = await node.supervisor.read(id);
        const stored = this.#database.plans.get(id);
        assert.equal(view?.revision, stored?.revision, "L4: a node shows another revision than is stored");
        for (const [productId, row] of stored?.products ?? []) assert.deepEqual(view?.products.get(productId), row);
      }
    }
  }
}

const report = {
  attempt: 1,
  workerId: "worker",
  startedAt: null,
  finishedAt: "2026-01-01T00:00:00.000000+00:00",
  outcome: "succeeded" as const,
  code: null,
  error: null,
  output: "",
};

/** Breaks rule 1 on purpose: says that all is committed before it is. */
function answeringEarly(store: PlanStore): PlanStore {
  return {
    ...store,
    async commit(steps) {
      store.commit(steps).catch(() => {});
      return { won: new Set(steps.map((step) => step.datasetId)), superseded: new Set(), leases: false };
    },
  };
}

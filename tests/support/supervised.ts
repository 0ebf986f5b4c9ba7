/** A supervisor on a test's own terms: a store whose commits can be held or broken, and commands in few words. */
import { systemClock } from "../../src/model/clock.ts";
import type { ClientCommand, Command } from "../../src/model/command.ts";
import { newUuid } from "../../src/model/ids.ts";
import type { ReportedState } from "../../src/model/plan.ts";
import type { PlanStore } from "../../src/store/plan-store.ts";
import { createSupervisor, type Supervisor, type SupervisorParts } from "../../src/supervisor/supervisor.ts";
import { systemTimers } from "../../src/supervisor/system-timers.ts";

export function supervise(store: PlanStore, change: Partial<SupervisorParts> = {}): Supervisor {
  return createSupervisor({
    store,
    alone: false,
    clock: systemClock,
    timers: systemTimers,
    computes: {
      names: () => ["cams", "work"],
      isKnown: (name) => name === "cams" || name === "work",
      dispatches: (name) => name === "work",
      get: () => ({ queue: "products", requires: [], attemptsMax: 3 }),
    },
    observe: {
      turn: () => {},
      batch: () => {},
      defect: (error) => {
        throw error;
      },
    },
    ...change,
  });
}

export const origin = { service: "tester", cause: "test" };

/** Products by name: "a>b>c" is a chain, several chains share names. Ids are made once a name. */
export class Sketch {
  readonly datasetId = newUuid();
  readonly #ids = new Map<string, string>();

  id(name: string): string {
    const id = this.#ids.get(name) ?? newUuid();
    this.#ids.set(name, id);
    return id;
  }

  publish(chains: string[], { compute = "cams", onlyIfAbsent = false } = {}): ClientCommand {
    const names = new Set(chains.flatMap((chain) => chain.split(">")));
    const products = [...names].map((name) => ({
      productId: this.id(name),
      compute,
      name,
      version: "1",
      eager: true,
      passthrough: null,
      extra: null,
    }));
    const dependencies = chains.flatMap((chain) =>
      chain.split(">").flatMap((name, i, all) => {
        const parent = all[i - 1];
        return parent === undefined ? [] : [{ parentId: this.id(parent), childId: this.id(name), extra: null }];
      }),
    );
    return { type: "plan.publish", datasetId: this.datasetId, extra: null, products, dependencies, onlyIfAbsent };
  }

  update(name: string, state: ReportedState, link: string | null = null): Command {
    const report = { productId: this.id(name), state, runId: null, link, passback: null };
    return { type: "products.update", datasetId: this.datasetId, reports: [report] };
  }

  clear(...names: string[]): Command {
    return { type: "products.clear", datasetId: this.datasetId, productIds: names.map((name) => this.id(name)) };
  }
}

/** A store whose commits wait while `hold` is on, and that counts what is asked of it. */
export class HeldStore implements PlanStore {
  readonly counts = { load: 0, revisions: 0, commit: 0 };
  readonly #store: PlanStore;
  #held: Promise<void> | null = null;
  #letGo: () => void = () => {};

  constructor(store: PlanStore) {
    this.#store = store;
  }

  hold(): void {
    this.#held = new Promise((resolve) => {
      this.#letGo = resolve;
    });
  }

  letGo(): void {
    this.#held = null;
    this.#letGo();
  }

  load: PlanStore["load"] = (ids) => {
    this.counts.load += ids.length;
    return this.#store.load(ids);
  };

  revisions: PlanStore["revisions"] = (ids) => {
    this.counts.revisions += 1;
    return this.#store.revisions(ids);
  };

  commit: PlanStore["commit"] = async (steps) => {
    this.counts.commit += 1;
    if (this.#held) await this.#held;
    return await this.#store.commit(steps);
  };

  findTurn: PlanStore["findTurn"] = (...turn) => this.#store.findTurn(...turn);
  findAnswer: PlanStore["findAnswer"] = (key) => this.#store.findAnswer(key);
}

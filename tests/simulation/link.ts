/** A node's connection to the store: everything takes time, and now and then it fails the way a real one does. */
import type { CommitOutcome, PlanStore, Step } from "../../src/store/plan-store.ts";
import { SqlError } from "../../src/store/sql.ts";
import type { FakeDatabase } from "./fake-database.ts";
import type { Scheduler } from "./scheduler.ts";

/** Shares of statements that meet each fault; a seed samples which are on. */
export interface LinkFaults {
  /** The statement never arrives. */
  readonly lostRequest: number;
  /** It is applied, and nobody hears of it. */
  readonly lostAnswer: number;
  /** The connection breaks, and the statement is applied much later. */
  readonly ghost: number;
  /** Rolled back by the database for concurrency's sake. */
  readonly rolledBack: number;
  /** No connection can be had. */
  readonly unavailable: number;
}

const unknown = () => new SqlError("unknown", null, "the connection broke");

export function linkTo(
  database: FakeDatabase,
  node: { scheduler: Scheduler; faults: () => LinkFaults; isAlive: () => boolean; met: (what: string) => void },
): PlanStore {
  const { scheduler } = node;
  const delay = () => scheduler.delayMs(20);

  const ask = <T>(work: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      scheduler.after(delay(), () => {
        if (!node.isAlive()) return;
        if (scheduler.chance(node.faults().unavailable)) {
          reject(new SqlError("unavailable", null, "no connection"));
          return;
        }
        void work().then((answer) => scheduler.after(delay(), () => void (node.isAlive() && resolve(answer))));
      });
    });

  const commit = (steps: readonly Step[]): Promise<CommitOutcome> =>
    new Promise((resolve, reject) => {
      const faults = node.faults();
      const fail = (error: SqlError): void => scheduler.after(delay(), () => void (node.isAlive() && reject(error)));
      const apply = (): Promise<CommitOutcome> => database.commit(steps);
      if (scheduler.chance(faults.unavailable)) return fail(new SqlError("unavailable", null, "no connection"));
      if (scheduler.chance(faults.rolledBack)) return fail(new SqlError("retry", "40001", "could not serialize"));
      if (scheduler.chance(faults.lostRequest)) return fail(unknown());
      if (scheduler.chance(faults.ghost)) {
        node.met("ghost");
        scheduler.after(scheduler.delayMs(3000), () => void apply());
        return fail(unknown());
      }
      const isHeard = !scheduler.chance(faults.lostAnswer);
      scheduler.after(delay(), () => {
        // The statement is on its way already: a crash of the node does not call it back.
        void apply().then((outcome) => {
          if (!isHeard) return fail(unknown());
          scheduler.after(delay(), () => void (node.isAlive() && resolve(outcome)));
        });
      });
    });

  return {
    load: (ids) => ask(() => database.load(ids)),
    revisions: (ids) => ask(() => database.revisions(ids)),
    findTurn: (...turn) => ask(() => database.findTurn(...turn)),
    findAnswer: (key) => ask(() => database.findAnswer(key)),
    commit,
  };
}

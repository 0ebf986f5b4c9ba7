/** Runs one command on a plan's actors and says what came of it: a turn to commit, a refusal, or a defect. */
import type { Clock } from "../model/clock.ts";
import { OrreryError } from "../model/errors.ts";
import type { DatasetId, JobId, TurnId } from "../model/ids.ts";
import { RevisionMovedError } from "../model/plan-errors.ts";
import type { Entry } from "./entry.ts";
import { pace } from "./pace.ts";
import { type ComputeNames, play } from "./rules.ts";
import { newTurn, type Turn } from "./turn.ts";
import type { WorkingPlan } from "./working-plan.ts";

export interface TurnEnv {
  readonly clock: Clock;
  readonly computes: ComputeNames;
  newTurnId(): TurnId;
  newJobId(): JobId;
  /** Lets the event loop serve others. */
  breathe(): Promise<void>;
}

export type TurnResult =
  | { readonly turn: Turn }
  /** The actors may have moved half-way, so nobody may see them again. */
  | { readonly defect: unknown };

/**
 * `before`: the revision that the command sees. Returns at once unless the turn is long; undefined when `isWanted` said no
 * in the middle of it. A refused command gives a turn with a `refusal`, which relies on `before`.
 */
export function runTurn(
  env: TurnEnv,
  plan: WorkingPlan,
  ask: { datasetId: DatasetId; entry: Entry; before: number },
  isWanted: () => boolean,
): TurnResult | Promise<TurnResult | undefined> {
  const { datasetId, before } = ask;
  const { command, origin } = ask.entry;
  const stamp = { by: origin.service, at: env.clock.now() };
  const head = { turnId: env.newTurnId(), datasetId, stamp, cause: origin.cause };
  const turn = newTurn({ ...head, revision: before + 1 });
  const done = (): TurnResult => {
    plan.record(null);
    return { turn };
  };
  const failed = (error: unknown): TurnResult => {
    plan.record(null);
    if (!(error instanceof OrreryError) || turn.changes.length > 0) return { defect: error };
    const refusal = newTurn({ ...head, revision: before });
    refusal.refusal = error;
    return { turn: refusal };
  };

  plan.record(turn);
  try {
    if (origin.ifRevision !== undefined && origin.ifRevision !== before) throw new RevisionMovedError(datasetId);
    const context = { plan, turn, stamp, exists: before > 0, computes: env.computes, newJobId: env.newJobId };
    const ran = pace(play(context, command), env.breathe, isWanted);
    return ran instanceof Promise ? ran.then(() => (isWanted() ? done() : undefined), failed) : done();
  } catch (error) {
    return failed(error);
  }
}

/**
 * What the outcome of a product's job does to its plan: the same as a client's update (CONTRACT.md §10), and the job's own
 * row moves in the same commit, fenced by its lease.
 */
import type { JobCommand } from "../model/command.ts";
import { LeaseLostError } from "../model/errors.ts";
import type { JobMove } from "../store/plan-store.ts";
import { brokenCheck, giveReason } from "./expectations.ts";
import { type Paced, type RuleContext, resetAndTrigger } from "./rules.ts";

export function* playJobCommand(context: RuleContext, command: JobCommand): Paced {
  const { plan, turn, stamp } = context;
  const { productId, jobId, token } = command;
  const row = plan.row(productId);
  if (row === undefined || row.jobId !== jobId) throw new LeaseLostError(jobId, token);
  const begins = command.type === "attempt.started" || ("begins" in command && command.begins === true);
  const move = (change: Pick<JobMove, "to"> & Partial<JobMove>): void => {
    const still = { fence: token, runInMs: 0, begins, onlyIfExpired: false, report: null, reason: null };
    turn.jobMoves.push({ jobId, productId, at: stamp.at, ...still, ...change });
  };

  if (begins) plan.send(productId, { type: "attempt.started", jobId, stamp });
  switch (command.type) {
    case "attempt.started":
      move({ to: "leased" });
      break;
    case "attempt.succeeded": {
      const { link, passback } = command;
      const why = brokenCheck(context, productId, passback);
      if (why !== null) {
        move({ to: "dead", report: { ...command.attempt, outcome: "failed", error: why }, reason: "not_retryable" });
        plan.send(productId, { type: "attempts.exhausted", jobId, stamp });
        giveReason(context, productId, why);
        break;
      }
      move({ to: "succeeded", report: command.attempt });
      plan.send(productId, { type: "attempt.succeeded", jobId, link, passback, stamp });
      break;
    }
    case "attempt.failed":
    case "lease.expired": {
      const onlyIfExpired = command.type === "lease.expired";
      if (command.retryInMs !== null) {
        move({ to: "queued", runInMs: command.retryInMs, report: command.attempt, onlyIfExpired });
        if (!begins) return; // it stays as it is
        break;
      }
      move({ to: "dead", report: command.attempt, onlyIfExpired, reason: command.reason });
      plan.send(productId, { type: "attempts.exhausted", jobId, stamp });
      break;
    }
    default:
      command satisfies never;
  }
  yield;
  yield* resetAndTrigger(context, [productId]);
}

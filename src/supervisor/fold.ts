/** Folds all turns of one dataset in a batch into one step, base → base + k: the last word on each row, every event. */
import type { JobId, ProductId } from "../model/ids.ts";
import type { ExpectationChange } from "../store/expectations.ts";
import type { EventRow, JobInsert, JobMove, Step } from "../store/plan-store.ts";
import { stampsAnything, type Turn } from "./turn.ts";

/** How many changes one event row holds. */
const changesMax = 1000;

const nothing = { deadlineAt: null, check: null };

/** `turns`: at least one, in order, the first of which expects revision `base`. */
export function fold(base: number, turns: readonly Turn[]): Step {
  const [first] = turns;
  if (first === undefined) throw new Error("Cannot fold no turns");
  const defined: Turn["defined"] = new Map();
  const moved: Turn["moved"] = new Map();
  const dependencies = new Map<string, Step["dependencies"][number]>();
  const jobs = new Map<JobId, JobInsert>();
  const jobMoves = new Map<JobId, JobMove>();
  const events: EventRow[] = [];
  const answers: Step["answers"][number][] = [];
  let expectations: Map<ProductId, ExpectationChange> | null = null;
  let dataset: Step["dataset"] = null;
  let names: Step["names"] = null;
  let modifiedAt: Step["modifiedAt"] = null;
  let next = base;

  for (const turn of turns) {
    if (turn.refusal) continue;
    next = turn.revision;
    if (turn.dataset) dataset = turn.dataset;
    if (turn.names !== null) names = turn.names;
    if (stampsAnything(turn)) modifiedAt = turn.stamp.at;
    for (const [id, row] of turn.defined) {
      moved.delete(id);
      defined.set(id, row);
    }
    for (const [id, row] of turn.moved) (defined.has(id) ? defined : moved).set(id, row);
    // A turn names an edge once.
    if (turns.length > 1) for (const row of turn.dependencies) dependencies.set(`${row.parentId}>${row.childId}`, row);
    for (const [id, expected] of turn.expectations ?? []) {
      expectations ??= new Map();
      expectations.set(id, { productId: id, ...(expected ?? nothing) });
    }
    for (const [id, job] of turn.jobs) jobs.set(id, job);
    for (const move of turn.jobMoves) foldJobMove(jobs, jobMoves, move);
    events.push(...eventRows(turn));
    if (turn.answer) answers.push(turn.answer);
  }
  return {
    datasetId: first.datasetId,
    base,
    next,
    modifiedAt,
    dataset,
    names,
    defined: [...defined.values()],
    moved: [...moved.values()],
    dependencies: turns.length > 1 ? [...dependencies.values()] : first.dependencies,
    ...(expectations && { expectations: [...expectations.values()] }),
    events,
    jobs: [...jobs.values()],
    jobMoves: [...jobMoves.values()],
    answers,
  };
}

/**
 * The first of `turns` that make one step. A step is fenced by one lease a job, so what was reported under another one, or
 * under one that is given up in this step, is left for the next: it must pass the store's fence by itself.
 */
export function oneStepOf(turns: readonly Turn[]): readonly Turn[] {
  const fenced = new Map<JobId, JobMove>();
  for (const [i, turn] of turns.entries()) {
    for (const move of turn.jobMoves) {
      if (move.fence === null) continue;
      const before = fenced.get(move.jobId);
      if (before && (before.fence !== move.fence || before.to !== "leased")) return turns.slice(0, i);
      fenced.set(move.jobId, move);
    }
  }
  return turns;
}

function foldJobMove(jobs: Map<JobId, JobInsert>, moves: Map<JobId, JobMove>, move: JobMove): void {
  const inserted = jobs.get(move.jobId);
  if (inserted) {
    // Nobody can have leased a job that is not stored yet: the only move is that its own batch took it back.
    jobs.set(move.jobId, { ...inserted, state: "cancelled" });
    return;
  }
  const before = moves.get(move.jobId);
  if (before === undefined) {
    moves.set(move.jobId, move);
    return;
  }
  moves.set(move.jobId, {
    ...move,
    fence: before.fence ?? move.fence,
    begins: before.begins || move.begins,
    onlyIfExpired: before.onlyIfExpired || move.onlyIfExpired,
    report: move.report ?? before.report,
    reason: move.reason ?? before.reason,
  });
}

function eventRows(turn: Turn): EventRow[] {
  const rows: EventRow[] = [];
  for (let start = 0; start === 0 || start < turn.changes.length; start += changesMax) {
    rows.push({
      revision: turn.revision,
      part: rows.length,
      turnId: turn.turnId,
      at: turn.stamp.at,
      service: turn.stamp.by,
      cause: turn.cause,
      changes: turn.changes.slice(start, start + changesMax),
    });
  }
  return rows;
}

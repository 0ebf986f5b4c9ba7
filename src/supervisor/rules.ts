/**
 * What each command does to a plan (CONTRACT.md §7): it refuses by throwing before the first event, then sends events to
 * the actors. Every rule is a generator that yields after each event, so that a large turn can be paced.
 */
import type { Dispatch, Stamp } from "../../actors/product.ts";
import type { ClientCommand, Command } from "../model/command.ts";
import { NotFoundError } from "../model/errors.ts";
import { findCycle } from "../model/graph.ts";
import type { DatasetId, JobId, ProductId } from "../model/ids.ts";
import type { ReportedState } from "../model/plan.ts";
import {
  CyclicalPlanError,
  PauseStateError,
  ProductDisabledError,
  ProductNotDisabledError,
  StateNotReportableError,
} from "../model/plan-errors.ts";
import { brokenCheck, giveReason } from "./expectations.ts";
import { playJobCommand } from "./job-rules.ts";
import { publish } from "./publish.ts";
import type { Turn } from "./turn.ts";
import type { WorkingPlan } from "./working-plan.ts";

/** The rules' view of the world besides the plan itself. */
export interface RuleContext {
  readonly plan: WorkingPlan;
  readonly turn: Turn;
  readonly stamp: Stamp;
  /** Whether the dataset was stored, or published by an earlier turn. */
  readonly exists: boolean;
  readonly computes: ComputeNames;
  newJobId(): JobId;
}

export interface ComputeNames {
  names(): readonly string[];
  isKnown(compute: string): boolean;
  /** False for `external`: somebody else computes it and reports. */
  dispatches(compute: string): boolean;
  get(compute: string): Omit<Dispatch, "jobId"> | undefined;
}

export type Paced = Generator<void, void>;

export function* play(context: RuleContext, command: Command): Paced {
  switch (command.type) {
    case "plan.publish":
      return yield* publish(context, command);
    case "dataset.pause":
    case "dataset.unpause":
      return yield* setPaused(context, command.datasetId, command.type === "dataset.pause");
    case "products.update":
      return yield* update(context, command);
    case "products.clear":
      return yield* clear(context, command);
    case "products.renew":
      return yield* renew(context, command);
    case "products.retry":
      return yield* retry(context, command);
    case "products.disable":
      return yield* disable(context, command);
    case "products.enable":
      return yield* enable(context, command);
    case "attempt.started":
    case "attempt.succeeded":
    case "attempt.failed":
    case "lease.expired":
      return yield* playJobCommand(context, command);
    default:
      command satisfies never;
  }
}

/** Queues those candidates that nothing holds. Only they can have become ready: whatever else was, is queued already. */
export function* trigger(context: RuleContext, candidates: Iterable<ProductId>): Paced {
  const { plan, stamp, computes } = context;
  if (plan.dataset.paused) return;
  for (const id of candidates) {
    if (!plan.isReady(id)) continue;
    const compute = plan.row(id)?.compute ?? "";
    const how = computes.dispatches(compute) ? computes.get(compute) : undefined;
    const job = how && {
      jobId: context.newJobId(),
      attemptsMax: how.attemptsMax,
      queue: how.queue,
      requires: how.requires,
      priority: how.priority ?? 0,
    };
    plan.send(id, { type: "triggered", job: job ?? null, stamp });
    yield;
  }
}

/** Sends everything downstream of `roots` back to waiting, then triggers what these changes made ready. */
export function* resetAndTrigger(context: RuleContext, roots: readonly ProductId[]): Paced {
  const { plan, stamp } = context;
  const candidates = new Set(roots);
  for (const root of roots) for (const child of plan.graph.children(root)) candidates.add(child);
  for (const id of plan.graph.reachable(roots, (child) => plan.isLive(child))) {
    if (plan.row(id)?.state === "waiting") continue;
    plan.send(id, { type: "cleared", stamp });
    candidates.add(id);
    yield;
  }
  yield* trigger(context, candidates);
}

function* setPaused(context: RuleContext, datasetId: DatasetId, paused: boolean): Paced {
  requireDataset(context, datasetId);
  if (context.plan.dataset.paused === paused) throw new PauseStateError(datasetId, paused);
  context.plan.sendDataset({ type: paused ? "paused" : "unpaused", stamp: context.stamp });
  yield;
  if (!paused)
    yield* trigger(
      context,
      context.plan.rows().map((row) => row.productId),
    );
}

type Only<T extends ClientCommand["type"]> = Extract<ClientCommand, { type: T }>;

function* update(context: RuleContext, { datasetId, reports }: Only<"products.update">): Paced {
  for (const { productId, state } of reports)
    if (!isReportable(state)) throw new StateNotReportableError(productId, state);
  requireDataset(context, datasetId);
  for (const { productId } of reports) requireEnabled(context, productId);
  for (const { productId, state, runId, link, passback } of reports) {
    if (!isReportable(state)) continue;
    const why = state === "success" ? brokenCheck(context, productId, passback) : null;
    const reached = why === null ? state : "failed";
    context.plan.send(productId, { type: "reported", state: reached, runId, link, passback, stamp: context.stamp });
    if (why !== null) giveReason(context, productId, why);
    yield;
  }
  yield* resetAndTrigger(
    context,
    reports.map((report) => report.productId),
  );
}

function* clear(context: RuleContext, { datasetId, productIds }: Only<"products.clear">): Paced {
  requireDataset(context, datasetId);
  for (const id of productIds) requireEnabled(context, id);
  for (const id of productIds) {
    context.plan.send(id, { type: "cleared", stamp: context.stamp });
    yield;
  }
  yield* resetAndTrigger(context, productIds);
}

function* renew(context: RuleContext, { datasetId, extra, inputs, clear: cleared }: Only<"products.renew">): Paced {
  const { plan, stamp } = context;
  requireDataset(context, datasetId);
  for (const { productId } of inputs) requireProduct(context, productId);
  for (const id of cleared) requireEnabled(context, id);
  plan.sendDataset({ type: "published", extra, stamp });
  yield;
  for (const { productId, passthrough } of inputs) {
    const row = requireProduct(context, productId);
    const { compute, name, version, eager } = row;
    plan.define({ productId, compute, name, version, eager, passthrough, extra: row.extra }, stamp);
    yield;
  }
  yield* clear(context, { type: "products.clear", datasetId, productIds: cleared });
}

/** What has failed goes back to waiting, and all that depends on it; as nothing has, nothing changes. */
function* retry(context: RuleContext, { datasetId }: Only<"products.retry">): Paced {
  requireDataset(context, datasetId);
  const failed = context.plan.rows().filter((row) => row.state === "failed");
  if (failed.length === 0) return;
  yield* clear(context, { type: "products.clear", datasetId, productIds: failed.map((row) => row.productId) });
}

function* disable(context: RuleContext, { datasetId, productIds }: Only<"products.disable">): Paced {
  requireDataset(context, datasetId);
  const listed = new Set<ProductId>();
  for (const id of productIds) {
    requireEnabled(context, id);
    if (listed.has(id)) throw new ProductDisabledError(id);
    listed.add(id);
  }
  const children = new Set<ProductId>();
  for (const id of listed) {
    context.plan.send(id, { type: "disabled", stamp: context.stamp });
    for (const child of context.plan.graph.children(id)) children.add(child);
    yield;
  }
  yield* trigger(context, children);
}

function* enable(context: RuleContext, { datasetId, productIds }: Only<"products.enable">): Paced {
  const { plan, stamp } = context;
  requireDataset(context, datasetId);
  const listed = new Set<ProductId>();
  for (const id of productIds) {
    const row = requireProduct(context, id);
    if (row.state !== "disabled" || listed.has(id)) throw new ProductNotDisabledError(id, row.state);
    listed.add(id);
  }
  const counts = (id: ProductId) => plan.isLive(id) || listed.has(id);
  const cycle = findCycle([...plan.graph.edges()].filter((edge) => counts(edge.parentId) && counts(edge.childId)));
  if (cycle) throw new CyclicalPlanError(cycle);
  for (const id of listed) {
    plan.send(id, { type: "enabled", stamp });
    yield;
  }
  yield* resetAndTrigger(context, [...listed]);
}

export function requireDataset(context: RuleContext, datasetId: DatasetId): void {
  if (!context.exists) throw new NotFoundError("dataset", datasetId);
}

function requireProduct({ plan }: RuleContext, id: ProductId) {
  const row = plan.row(id);
  if (row === undefined) throw new NotFoundError("data product", id, ` in dataset ${plan.dataset.datasetId}`);
  return row;
}

function requireEnabled(context: RuleContext, id: ProductId): void {
  if (requireProduct(context, id).state === "disabled") throw new ProductDisabledError(id);
}

const isReportable = (state: string): state is ReportedState =>
  state === "running" || state === "success" || state === "failed";

/**
 * The internal compute of conditions. False skips what comes after it: all its descendants are disabled, before it succeeds itself, in
 * one turn that counts only while the product still awaits this job and the plan is as it was read. Run again, a condition that is
 * true enables those that it disabled itself. Saying either twice changes nothing.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Compute, Outcome, Task } from "../compute/compute.ts";
import { dispatchOf } from "../compute/compute.ts";
import { Graph } from "../model/graph.ts";
import { parseJson } from "../model/json.ts";
import type { ProductRow } from "../model/plan.ts";
import { CyclicalPlanError, RevisionMovedError } from "../model/plan-errors.ts";
import type { PlanView, Supervisor } from "../supervisor/supervisor.ts";
import { parseExpression } from "./expression.ts";
import { productIdOf } from "./plan-of.ts";

/** Others change the plan meanwhile: then it is read again. */
const triesMax = 100;

export function createCondition(supervisor: Pick<Supervisor, "submit" | "read">): Compute {
  return { kind: "internal", ...dispatchOf({}, 64), run: (task, { signal }) => decide(supervisor, task, signal) };
}

async function decide(
  supervisor: Pick<Supervisor, "submit" | "read">,
  task: Task,
  signal: AbortSignal,
): Promise<Outcome> {
  if (task.dataset === null || task.product === null) return failed("a condition is for products of a plan");
  let isTrue: boolean;
  try {
    isTrue = answerOf(task);
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
  const service = stampOf(task.product.name);
  const datasetId = task.dataset.id;
  for (let tries = 0; tries < triesMax && !signal.aborted; tries++) {
    const view = await supervisor.read(datasetId);
    const own = view?.products.get(task.product.id);
    if (view === null || own === undefined || own.jobId !== task.jobId)
      return { outcome: "cancelled", error: "its product was changed by somebody else", output: "" };
    const { revision } = view;
    const productIds = changesOf(view, own, isTrue, service);
    if (productIds.length === 0)
      return { outcome: "succeeded", passback: JSON.stringify({ condition: isTrue }), link: null, output: "" };
    const type = isTrue ? "products.enable" : "products.disable";
    try {
      await supervisor.submit({ type, datasetId, productIds }, { service, cause: "condition", ifRevision: revision });
    } catch (error) {
      // Enabling would close a circle that was made meanwhile: whoever made it wants those products off.
      if (error instanceof CyclicalPlanError)
        return { outcome: "succeeded", passback: JSON.stringify({ condition: isTrue }), link: null, output: "" };
      if (!(error instanceof RevisionMovedError)) throw error;
      await sleep(Math.random() * Math.min(tries * 2, 50));
    }
  }
  return {
    outcome: signal.aborted ? "cancelled" : "failed",
    error: "the plan changed too often meanwhile",
    output: "",
  };
}

const failed = (error: string): Outcome => ({ outcome: "failed", error, isFinal: true, output: "" });

/** Who disabled a product, as its row says: so that nobody's own decision is undone. */
const stampOf = (name: string): string => `orrery: ${name}`;

function answerOf(task: Task): boolean {
  const given = (task.payload === null ? null : parseJson(task.payload)) as Record<string, unknown> | null; // JSON
  const text = given?.condition;
  if (typeof text !== "string")
    throw new Error('nothing to ask: {"condition": "params.x == 1"} is needed as passthrough');
  const expression = parseExpression(text);
  const parents: Record<string, unknown> = Object.create(null);
  for (const { scope, name } of expression.names) {
    if (scope !== "parents") continue;
    const id = task.dataset === null ? "" : productIdOf(task.dataset.id, name);
    // By the task it was made of; in a plan that no template made, by its name.
    const parent = task.parents.find((one) => one.id === id) ?? task.parents.find((one) => one.name === name);
    parents[name] = parent?.passback === undefined || parent.passback === null ? null : parseJson(parent.passback);
  }
  const params = typeof given?.params === "object" && given.params !== null ? given.params : {};
  return expression.isTrue({ params: params as Record<string, unknown>, parents });
}

/** The descendants to disable, or to enable. */
function changesOf(view: PlanView, own: ProductRow, isTrue: boolean, service: string): string[] {
  const graph = new Graph();
  for (const edge of view.dependencies.values()) graph.add(edge);
  const ids = graph.reachable([own.productId], () => true);
  ids.delete(own.productId);
  return [...ids].filter((id) => {
    const row = view.products.get(id);
    if (row === undefined) return false;
    return isTrue ? row.state === "disabled" && row.modifiedBy === service : row.state !== "disabled";
  });
}

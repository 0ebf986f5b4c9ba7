/**
 * A dataset or a product of the past, from its event rows: each change is turned into the event that the rules had sent, and sent
 * to the real machine again. The rows keep states and causes, not contexts: what a client said then is not brought back.
 */
import type { AnyActorRef } from "xstate";
import { type DatasetEvent, datasetMachine } from "../../actors/dataset.ts";
import { type ProductEvent, productMachine, type Stamp } from "../../actors/product.ts";
import type { DatasetId, ProductId } from "../model/ids.ts";
import { type ProductRow, type ProductState, productStates } from "../model/plan.ts";
import { type PastEvent, type ReplayedEvent, replay } from "../observe/replay.ts";
import type { PastTurn } from "../store/history.ts";
import type { Change } from "../store/plan-store.ts";
import { productActorId } from "./inspection.ts";

/** Turns that redefine what they list; the others that leave a product as it was have cleared it or reported on it. */
const publishing = new Set(["plan.publish", "template.trigger", "template.instantiate"]);
const ofAttempts = new Set(["attempt.started", "attempt.succeeded", "attempt.failed", "lease.expired"]);

interface PastChange {
  readonly turn: PastTurn;
  readonly change: Change;
}

/** In order of time; `turns` as a page of history lists them, the newest first. */
function changesOf(turns: readonly PastTurn[], productId: ProductId | null): PastChange[] {
  return turns
    .toReversed()
    .flatMap((turn) => turn.changes.flatMap((change) => (change.productId === productId ? [{ turn, change }] : [])));
}

export function replayDataset(datasetId: DatasetId, turns: readonly PastTurn[]): ReplayedEvent[] {
  const changes = changesOf(turns, null);
  const paused = changes[0]?.change.from === "paused";
  const context = { datasetId, paused, extra: null, modifiedBy: "", modifiedAt: "" };
  const snapshot = datasetMachine.resolveState({ value: paused ? "paused" : "active", context });
  const events = changes.map(({ turn, change }): PastEvent<DatasetEvent> => {
    const stamp = stampOf(turn);
    const event: DatasetEvent =
      change.from === change.to
        ? { type: "published", extra: null, stamp }
        : { type: change.to === "paused" ? "paused" : "unpaused", stamp };
    return { ...pastOf(turn, change), event };
  });
  return replay(datasetMachine, { id: datasetId, input: context, snapshot }, () => datasetId, events);
}

/** `known`: the product as it is today, for its name and its compute. `dispatches`: its compute is one of ours. */
export function replayProduct(
  datasetId: DatasetId,
  known: ProductRow,
  dispatches: boolean,
  turns: readonly PastTurn[],
): ReplayedEvent[] {
  const { productId } = known;
  const changes = changesOf(turns, productId);
  const begun = changes[0]?.change.from ?? null;
  const state = productStates.find((one) => one === begun) ?? "waiting";
  const first = jobOf(changes, -1, dispatches && (state === "queued" || state === "running"));
  const context = contextOf(known, state, first);
  const events = changes.map(({ turn, change }, i): PastEvent<ProductEvent> => {
    const event = productEvent(known, turn, change, jobOf(changes, i, dispatches), lastJob(changes, i) ?? first);
    return { ...pastOf(turn, change), event };
  });
  const snapshot = productMachine.resolveState({ value: state, context });
  const name = (ref: AnyActorRef): string => productActorId(datasetId, ref.id);
  return replay(productMachine, { id: productId, input: context, ...(begun !== null && { snapshot }) }, name, events);
}

const contextOf = (known: ProductRow, state: ProductState, jobId: string | null): ProductRow => {
  const nothing = { passthrough: null, extra: null, runId: null, link: null, passback: null };
  return { ...known, ...nothing, state, jobId, eager: true, modifiedBy: "", modifiedAt: "" };
};

const stampOf = (turn: PastTurn): Stamp => ({ by: turn.service, at: turn.at });

const pastOf = (turn: PastTurn, change: Change): Omit<PastEvent<never>, "event"> => ({
  at: turn.at,
  by: turn.service,
  cause: turn.cause,
  why: change.why ?? null,
  stored: change.to,
  position: turn.revision,
});

/** A job's id is not kept with the change that made it: it stands for itself, by its turn. */
const standIn = (turn: PastTurn | undefined): string => `job of turn ${turn?.revision ?? "before"}`;

/** The job that change `i` made, if it made one: its compute is one of ours, or an attempt came next. */
function jobOf(changes: readonly PastChange[], i: number, dispatches: boolean): string | null {
  const next = changes[i + 1];
  const isAttempted = next !== undefined && next.change.to !== "waiting" && ofAttempts.has(next.turn.cause);
  return dispatches || isAttempted ? standIn(changes[i]?.turn) : null;
}

/** The job that an attempt's change speaks for. */
function lastJob(changes: readonly PastChange[], i: number): string | null {
  for (let at = i - 1; at >= 0; at--) if (changes[at]?.change.to === "queued") return standIn(changes[at]?.turn);
  return null;
}

function productEvent(
  known: ProductRow,
  turn: PastTurn,
  { from, to }: Change,
  made: string | null,
  own: string | null,
): ProductEvent | null {
  const stamp = stampOf(turn);
  if (from === null) return null;
  if (from === to && (publishing.has(turn.cause) || from === "queued" || from === "disabled"))
    return { type: "defined", definition: { ...known, passthrough: null, extra: null, eager: true }, stamp };
  const isAttempt = ofAttempts.has(turn.cause) && (from === "queued" || from === "running") && own !== null;
  const jobId = own ?? "";
  switch (to) {
    case "queued": {
      const job = made === null ? null : { jobId: made, attemptsMax: 1, queue: "", requires: [] };
      return { type: "triggered", job, stamp };
    }
    case "waiting":
      return { type: from === "disabled" ? "enabled" : "cleared", stamp };
    case "disabled":
      return { type: "disabled", stamp };
    case "running":
      if (isAttempt) return { type: "attempt.started", jobId, stamp };
      break;
    case "success":
      if (isAttempt) return { type: "attempt.succeeded", jobId, link: null, passback: null, stamp };
      break;
    case "failed":
      if (isAttempt) return { type: "attempts.exhausted", jobId, stamp };
      break;
    case "active":
    case "paused":
      throw new Error(`A product cannot become ${to}`);
    default:
      throw to satisfies never;
  }
  return { type: "reported", state: to, runId: null, link: null, passback: null, stamp };
}

/** A dataset or a product: what it is now, and its past from the event rows, any revision of it. */
import type { AppParts } from "../../http/parts.ts";
import type { DatasetId, ProductId } from "../../model/ids.ts";
import { redacted } from "../../observe/redact.ts";
import type { ReplayedEvent } from "../../observe/replay.ts";
import { dueOfJobs, pendingDeadlines } from "../../store/due-times.ts";
import { nextTurnOf, type PastTurn, planHistory, productHistory } from "../../store/history.ts";
import { productActorId } from "../../supervisor/inspection.ts";
import type { PlanView } from "../../supervisor/projection.ts";
import { replayDataset, replayProduct } from "../../supervisor/replay.ts";
import { type Due, dueOfJob } from "./due.ts";
import { type LogRow, rowOf, type ShownActor, type Travel } from "./shown-actor.ts";
import { turnSequence } from "./turn-sequence.ts";

export type PlanActorParts = Pick<AppParts, "supervisor" | "database" | "computes">;

const rowsMax = 40;
const jobsMax = 200;
const childrenMax = 60;
const caveat = "Event rows keep states and causes. What a client said then (links, payloads) is not kept with them.";

/** `revision` null: now. Null: there is no such dataset, or it never had that revision. */
export async function datasetActor(
  parts: PlanActorParts,
  datasetId: DatasetId,
  revision: number | null,
): Promise<ShownActor | null> {
  const { sql } = parts.database;
  const isResident = parts.supervisor.inspection.resident(datasetId) !== null;
  const view = await parts.supervisor.read(datasetId);
  if (view === null || (revision ?? 1) > view.revision) return null;
  const at = revision ?? view.revision;
  const [{ turns }, own] = await Promise.all([
    planHistory(sql, datasetId, at + 1, rowsMax),
    productHistory(sql, datasetId, null, at + 1, 1),
  ]);
  const log = datasetLog(datasetId, turns, own.turns[0]);
  const [turn] = turns;
  const isPast = at < view.revision;
  const path = `/inspect/dataset/${datasetId}`;
  return {
    ...{ machine: "dataset", path, name: "Dataset", id: datasetId, isResident, caveat, root: datasetId },
    residence: residenceOf(isResident),
    state: isPast ? (log[0]?.state ?? "active") : view.dataset.paused ? "paused" : "active",
    context: redacted(view.dataset),
    log,
    at: log[0] ?? null,
    travel: {
      ...{ parameter: "revision", isPast, newest: view.revision },
      previous: at > 1 ? at - 1 : null,
      next: isPast ? at + 1 : null,
    },
    due: isPast ? [] : await dueOfPlan(parts, view, [...view.products.keys()]),
    sequence: turnSequence(parts, view, turn ?? null, null),
    links: [["Plan", `/plan/${datasetId}`]],
    children: [...view.products.values()].slice(0, childrenMax).map(({ productId, name, state }) => {
      return { name, state, href: `/inspect/product/${datasetId}/${productId}` };
    }),
    childrenLeftOut: Math.max(0, view.products.size - childrenMax),
  };
}

export async function productActor(
  parts: PlanActorParts,
  datasetId: DatasetId,
  productId: ProductId,
  revision: number | null,
): Promise<ShownActor | null> {
  const { sql } = parts.database;
  const isResident = parts.supervisor.inspection.resident(datasetId) !== null;
  const view = await parts.supervisor.read(datasetId);
  const row = view?.products.get(productId);
  if (view === null || row === undefined || (revision ?? 1) > view.revision) return null;
  const now = view.revision;
  const { turns } = await productHistory(sql, datasetId, productId, (revision ?? now) + 1, rowsMax);
  const [turn] = turns;
  // Before its first change it was not there.
  if (turn === undefined && revision !== null) return null;
  const next = revision === null ? null : await nextTurnOf(sql, datasetId, productId, revision);
  const id = productActorId(datasetId, productId);
  const replayed = replayProduct(datasetId, row, parts.computes.dispatches(row.compute), turns);
  const log = replayed.map((one) => rowOf(one, id)).reverse();
  const isPast = next !== null;
  const whole = turn === undefined ? [] : (await planHistory(sql, datasetId, turn.revision + 1, 1)).turns;
  return {
    ...{ machine: "product", path: `/inspect/product/${datasetId}/${productId}`, name: row.name, id: productId },
    ...{ isResident, caveat, root: datasetId },
    residence: residenceOf(isResident),
    state: isPast ? (log[0]?.state ?? row.state) : row.state,
    context: redacted(row),
    log,
    at: log[0] ?? null,
    travel: { parameter: "revision", isPast, previous: previousOf(replayed), next, newest: now } satisfies Travel,
    due: isPast ? [] : await dueOfPlan(parts, view, [productId]),
    sequence: turnSequence(parts, view, whole[0] ?? null, productId),
    ...{ children: [], childrenLeftOut: 0 },
    links: [
      ["Its dataset", `/inspect/dataset/${datasetId}`],
      ["Plan", `/plan/${datasetId}`],
      ...(row.jobId === null ? [] : [["Its job", `/inspect/job/${row.jobId}`] as const]),
    ],
  };
}

const residenceOf = (isResident: boolean): string =>
  isResident ? "in memory on this node" : "at rest: it was read from the store for this page";

/** The revision of the change before the newest one. */
function previousOf(replayed: readonly ReplayedEvent[]): number | null {
  const newest = replayed.at(-1)?.position;
  return replayed.findLast(({ position }) => position !== newest)?.position ?? null;
}

/** A row for each turn: the dataset's own event where it took one, the turn's cause where only its products moved. */
function datasetLog(datasetId: DatasetId, turns: readonly PastTurn[], last: PastTurn | undefined): LogRow[] {
  const own = new Map(replayDataset(datasetId, turns).map((one) => [one.position, rowOf(one, datasetId)]));
  const first = replayDataset(datasetId, last === undefined ? [] : [last]).at(-1)?.state ?? "active";
  const oldest = [...own.values()][0];
  let state = oldest?.before ?? first;
  const rows = turns.toReversed().map((turn): LogRow => {
    const known = own.get(turn.revision);
    const before = known?.before ?? state;
    state = known?.state ?? state;
    const moved = turn.changes.filter(({ productId }) => productId !== null).length;
    const emitted =
      moved === 0 ? [] : [`${moved}${turn.isCut ? "+" : ""} product ${moved === 1 ? "change" : "changes"}`];
    if (known !== undefined) return { ...known, emitted };
    const none = { guards: [], actions: [], why: null, follows: true, event: "turn" };
    return {
      ...none,
      position: turn.revision,
      at: turn.at,
      by: turn.service,
      cause: turn.cause,
      before,
      state,
      emitted,
    };
  });
  return rows.reverse();
}

async function dueOfPlan(
  { database: { sql } }: PlanActorParts,
  { dataset, products }: PlanView,
  ids: readonly ProductId[],
): Promise<Due[]> {
  const { datasetId } = dataset;
  const rows = ids.flatMap((id) => products.get(id) ?? []);
  const byJob = new Map(rows.flatMap(({ jobId, name }) => (jobId === null ? [] : [[jobId, name] as const])));
  const jobIds = [...byJob.keys()].slice(0, jobsMax);
  const [jobs, deadlines] = await Promise.all([
    jobIds.length === 0 ? [] : dueOfJobs(sql, jobIds),
    pendingDeadlines(sql, datasetId, jobsMax),
  ]);
  const listed = new Set(ids);
  return [
    ...jobs.flatMap((job) => dueOfJob(job, `job of ${byJob.get(job.jobId) ?? ""}`)),
    ...deadlines
      .filter(({ productId }) => listed.has(productId))
      .map(({ productId, at }): Due => {
        const of = products.get(productId)?.name ?? productId;
        return { at, what: "must be success", of, href: `/inspect/product/${datasetId}/${productId}` };
      }),
  ];
}

/** One turn of a plan as messages: who asked, what the dataset and its products were told, which jobs that made or took back. */
import type { AppParts } from "../../http/parts.ts";
import type { ProductId } from "../../model/ids.ts";
import type { PastTurn } from "../../store/history.ts";
import type { PlanView } from "../../supervisor/projection.ts";
import { replayDataset, replayProduct } from "../../supervisor/replay.ts";
import { type Lane, type Message, type Sequence, sequenceBounds } from "./sequence.ts";
import { noSequence } from "./shown-actor.ts";

/** `about`: the product that is shown whatever else does not fit; null: none. */
export function turnSequence(
  { computes }: Pick<AppParts, "computes">,
  view: PlanView,
  turn: PastTurn | null,
  about: ProductId | null,
): Sequence {
  if (turn === null) return noSequence;
  const { datasetId } = view.dataset;
  const touched = [...new Set(turn.changes.flatMap(({ productId }) => productId ?? []))];
  const shown = touched
    .toSorted((a, b) => Number(b === about) - Number(a === about))
    .slice(0, sequenceBounds.lanes - 3);
  const asker: Lane = { id: "asker", name: turn.service, kind: "who asked" };
  const dataset: Lane = { id: datasetId, name: "dataset", kind: "dataset" };
  const jobs: Lane = { id: "jobs", name: "jobs", kind: "rows" };
  const products = shown.map((id): Lane => ({ id, name: view.products.get(id)?.name ?? id, kind: "product" }));

  // What each product does next, in order; the turn's own order is that of its changes.
  const queues = new Map(
    shown.map((id) => {
      const row = view.products.get(id);
      return [id, row === undefined ? [] : replayProduct(datasetId, row, computes.dispatches(row.compute), [turn])];
    }),
  );
  const own = replayDataset(datasetId, [turn]);
  const messages: Message[] = [{ from: asker.id, to: datasetId, text: turn.cause, state: null }];
  for (const { productId } of turn.changes) {
    if (messages.length >= sequenceBounds.messages) break;
    const done = productId === null ? own.shift() : queues.get(productId)?.shift();
    if (done === undefined) continue;
    messages.push({ from: datasetId, to: productId ?? datasetId, text: done.event, state: done.state });
    for (const said of done.emitted)
      if (said.startsWith("job."))
        messages.push({ from: productId ?? datasetId, to: jobs.id, text: said, state: null });
  }
  const hidden = touched.length - shown.length;
  const isCut = hidden > 0 || turn.isCut || messages.length >= sequenceBounds.messages;
  const leftOut = isCut
    ? `A part of the turn: ${hidden} more products and the rest of the messages are left out.`
    : null;
  return { lanes: [asker, dataset, ...products, jobs], messages, leftOut };
}

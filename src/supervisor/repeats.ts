/**
 * Whether a command was carried out before: by a commit of ours that was given up as unknown and came through after all (a
 * ghost), or under its idempotency key, perhaps on another node. Looked up inside the mailbox, before the command runs.
 */
import type { DatasetId } from "../model/ids.ts";
import type { IdempotencyKey, PlanStore } from "../store/plan-store.ts";
import type { Entry } from "./entry.ts";

export interface KeyedRequest extends IdempotencyKey {
  readonly digest: string;
}

export type Repeat =
  | { readonly by: "ghost"; readonly revision: number }
  | { readonly by: "key"; readonly digest: string; readonly answer: string };

/** The key stands under an uncommitted turn, with another body. */
export const reused: Repeat = { by: "key", digest: "", answer: "" };

/** Null when the command asks for no key. */
export function keyOf(datasetId: DatasetId, { origin }: Entry): KeyedRequest | null {
  const { service, idempotency } = origin;
  return idempotency ? { scope: datasetId, service, ...idempotency } : null;
}

export const isSameKey = (a: IdempotencyKey, b: IdempotencyKey): boolean =>
  a.key === b.key && a.route === b.route && a.service === b.service;

/**
 * A ghost that is still to come cannot slip through: it loses its compare-and-set against the command's new turn, or the
 * new turn loses against it and is looked up here again.
 */
export async function findRepeat(
  store: Pick<PlanStore, "findAnswer" | "findTurn">,
  entry: Entry,
  key: KeyedRequest | null,
): Promise<Repeat | null> {
  for (const { datasetId, revision, turnId } of entry.suspects) {
    if (await store.findTurn(datasetId, revision, turnId)) return { by: "ghost", revision };
  }
  const found = key && (await store.findAnswer(key));
  return found ? { by: "key", ...found } : null;
}

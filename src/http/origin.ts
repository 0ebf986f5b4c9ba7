/** Where a write comes from: the service, its Idempotency-Key and the revision that its If-Match insists on. */
import { createHash } from "node:crypto";
import { InvalidRequestError } from "../model/errors.ts";
import type { DatasetId } from "../model/ids.ts";
import { RevisionMovedError } from "../model/plan-errors.ts";
import type { Origin, Supervisor } from "../supervisor/supervisor.ts";
import { revisionsOf } from "./answer.ts";
import type { Asked } from "./operation.ts";

const keyLengthMax = 255;
/** Printable ASCII, as header values are: it is shown in errors. */
const keyShape = /^[\x20-\x7e]+$/;

/** `route` is the operation, not the path: `PUT /data_product/update`. The dataset is part of the key anyway. */
export async function originOf(
  { c, caller, bodyText }: Asked<unknown>,
  supervisor: Supervisor,
  write: { readonly cause: string; readonly route: string; readonly datasetId: DatasetId },
): Promise<Origin> {
  const { headers } = c.req.raw;
  const key = headers.get("idempotency-key");
  const ifMatch = headers.get("if-match");
  const origin: Origin = { service: caller.service, cause: write.cause };
  return {
    ...origin,
    ...(key !== null && { idempotency: { route: write.route, key: checkedKey(key), digest: digestOf(bodyText) } }),
    ...(ifMatch !== null && (await insistOn(ifMatch, write.datasetId, supervisor))),
  };
}

/** An Idempotency-Key that is one. */
export function checkedKey(key: string): string {
  if (key.length <= keyLengthMax && keyShape.test(key)) return key;
  throw new InvalidRequestError(
    `Idempotency-Key: 1 to ${keyLengthMax} printable ASCII characters are needed`,
    "Idempotency-Key",
  );
}

export const digestOf = (bodyText: string): string => createHash("sha256").update(bodyText).digest("base64url");

/** `*` asks only that there is a plan. Of several revisions, the one that is current now counts; the supervisor checks it again. */
async function insistOn(
  ifMatch: string,
  datasetId: DatasetId,
  supervisor: Supervisor,
): Promise<{ ifRevision?: number }> {
  const isAny = ifMatch.trim() === "*";
  const revisions = isAny ? [] : revisionsOf(ifMatch);
  const [only] = revisions;
  if (revisions.length === 1 && only !== undefined) return { ifRevision: only };
  const current = (await supervisor.read(datasetId))?.revision;
  if (current === undefined) throw new RevisionMovedError(datasetId);
  if (isAny) return {};
  return { ifRevision: revisions.includes(current) ? current : (only ?? -1) };
}

/** Where a page of the audit ended, in each of its two sources, as text that callers hand back. */
import { InvalidRequestError } from "../model/errors.ts";
import { parseUuid } from "../model/ids.ts";
import type { EventPlace, OwnPlace } from "../store/audit-read.ts";
import { parseInstant } from "./date.ts";

export interface AuditCursor {
  readonly own: OwnPlace | null;
  readonly event: EventPlace | null;
}

export function cursorText({ own, event }: AuditCursor): string {
  const parts = [own?.auditId ?? "", event?.at ?? "", event?.datasetId ?? "", event?.revision ?? ""];
  return Buffer.from(parts.join(" ")).toString("base64url");
}

export function readCursor(text: string | null): AuditCursor {
  if (text === null || text === "") return { own: null, event: null };
  const parts = Buffer.from(text, "base64url").toString().split(" ");
  const [auditId = "", at = "", datasetId = "", revision = ""] = parts;
  const own = auditId === "" ? null : parseUuid(auditId);
  const event = at === "" ? null : placeOf(at, datasetId, revision);
  const isWhole = parts.length === 4 && (own !== null || auditId === "") && (event !== null || at === "");
  if (!isWhole) {
    throw new InvalidRequestError("cursor: send the next_cursor of the page before, as it is", "cursor");
  }
  return { own: own === null ? null : { auditId: own }, event };
}

function placeOf(at: string, dataset: string, revision: string): EventPlace | null {
  const instant = parseInstant(at);
  const datasetId = parseUuid(dataset);
  if (instant === null || datasetId === null || !/^\d{1,16}$/.test(revision)) return null;
  return { at: instant, datasetId, revision: Number(revision) };
}

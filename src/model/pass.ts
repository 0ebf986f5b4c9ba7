/** The words of the ground segment: a ship, and a pass over it with its window, its port and how it ended. Rows as they are stored. */
import type { Instant } from "./clock.ts";
import type { DatasetId, Uuid } from "./ids.ts";
import type { JsonText } from "./json.ts";
import type { ShipQuota, ShipRetention } from "./tenancy.ts";

export type PassId = Uuid;

export const passStates = [
  "planned",
  "prepass",
  "receiving",
  "draining",
  "completed",
  "failed",
  "cancelled",
  "missed",
] as const;
export type PassState = (typeof passStates)[number];

/** No way leads out of these. */
export const endedPassStates = ["completed", "failed", "cancelled", "missed"] as const satisfies readonly PassState[];

export function hasEnded(state: PassState): boolean {
  return (endedPassStates as readonly PassState[]).includes(state);
}

export const shipFormats = ["ccsds", "raw", "json"] as const;
export type ShipFormat = (typeof shipFormats)[number];

/** Also a folder's name and a part of a Redis key: so no slash, no colon, no brace, and never `.` or `..`. */
export const shipNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export interface ShipRow {
  readonly ship: string;
  readonly format: ShipFormat;
  /** The packet definition as it was sent; null when packets are stored undecoded. */
  readonly definition: JsonText | null;
  /** Its orbit, a two-line element set as it was sent; null: unknown. */
  readonly tle: string | null;
  /** A pass that is less complete raises an alarm, 0 to 1; null: none does. */
  readonly completenessMin: number | null;
  readonly quota: ShipQuota;
  readonly retention: ShipRetention;
  readonly modifiedBy: string;
  readonly modifiedAt: Instant;
}

/** What a request asks for, ready to be stored. */
export interface PassDefinition {
  readonly passId: PassId;
  readonly ship: string;
  readonly station: string | null;
  readonly host: string;
  /** null: any free one of the configured range. */
  readonly port: number | null;
  readonly aos: Instant;
  readonly los: Instant;
  readonly prepassMarginMs: number;
  readonly drainMarginMs: number;
  readonly template: string | null;
  /** Message flows that are told what the products of its plan do. */
  readonly flows: readonly string[];
  readonly priority: number;
  /** Of the request's body: the same pass asked for twice is one, another one under its id is refused. */
  readonly requestDigest: string;
}

/** Where a completed pass's packets lie, as its products read them. */
export interface PassArchive {
  readonly path: string;
  readonly format: ShipFormat;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly packets: number;
}

/** A file that was made of an archive. */
export interface DecodedFile {
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** What was decoded of an archived pass, and the time that its values span: milliseconds since 1970. */
export interface DecodedPass {
  readonly fromMs: number;
  readonly toMs: number;
  readonly history: DecodedFile;
  readonly csv: DecodedFile;
  readonly parquet: DecodedFile;
}

export interface PassRow extends Omit<PassDefinition, "port"> {
  readonly port: number;
  readonly state: PassState;
  readonly reason: string | null;
  /** Grows with every lease. */
  readonly token: number;
  /** The node that holds it now; null when none does. */
  readonly node: string | null;
  /** As its holder said last. */
  readonly isOpen: boolean;
  /** When its port was first open; null until then. */
  readonly openedAt: Instant | null;
  /** SO_RCVBUF as the kernel granted it. */
  readonly receiveBufferBytes: number | null;
  readonly archive: PassArchive | null;
  /** When retention took the archive and all beside it away, and why; null: it did not. */
  readonly archiveRemovedAt: Instant | null;
  readonly archiveRemovedWhy: string | null;
  readonly datasetId: DatasetId | null;
  /** The contact that it was planned from; null: it was asked for. */
  readonly contact: string | null;
  readonly createdBy: string;
  readonly createdAt: Instant;
  readonly modifiedAt: Instant;
}

/** The part of a pass that changes while it receives: written every 5 seconds and at the end. */
export interface PassProgress {
  readonly at: Instant;
  /** The ledger's JSON. */
  readonly ledger: JsonText;
  /** The newest value of each parameter, by name: JSON. */
  readonly latest: JsonText;
}

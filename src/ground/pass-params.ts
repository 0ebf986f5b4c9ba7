/** What the plan of a pass is given: the pass, its ledger, and where its packets lie. */
import type { Instant } from "../model/clock.ts";
import type { PassArchive, PassRow } from "../model/pass.ts";
import type { LedgerJson } from "./ledger-json.ts";

/** What a pass's plan is given, as its dataset's `extra` and each product's passthrough. */
export interface PassParams {
  readonly pass: {
    readonly id: string;
    readonly ship: string;
    readonly station: string | null;
    readonly host: string;
    readonly port: number;
    readonly aos: Instant;
    readonly los: Instant;
    /** Absent: it names none. */
    readonly flows?: readonly string[];
  };
  readonly ship: string;
  readonly ledger: LedgerJson;
  /** A file on the node that received the pass; `definition_path` null: the ship has no packet definition. */
  readonly telemetry: {
    readonly path: string;
    readonly format: "ccsds" | "raw" | "json";
    readonly sha256: string;
    readonly size_bytes: number;
    readonly packets: number;
    readonly definition_path: string | null;
  };
}

/** What the pass's products are given. */
export function paramsOf(
  pass: PassRow,
  ledger: LedgerJson,
  archive: PassArchive,
  definitionPath: string | null,
): PassParams {
  const { passId, ship, station, host, port, aos, los, flows } = pass;
  return {
    pass: { id: passId, ship, station, host, port, aos, los, ...(flows.length > 0 && { flows }) },
    ship,
    // The gaps of a bad pass could be thousands, and this goes to every product: they are in the pass itself.
    ledger: { ...ledger, apids: ledger.apids.map((apid) => ({ ...apid, gaps: apid.gaps.slice(0, gapsMax) })) },
    telemetry: {
      path: archive.path,
      format: archive.format,
      sha256: archive.sha256,
      size_bytes: archive.sizeBytes,
      packets: archive.packets,
      definition_path: definitionPath,
    },
  };
}

const gapsMax = 20;

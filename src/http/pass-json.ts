/** Passes as JSON: their row, with what they have received as far as this node knows. */
import { countersOf, type PassCounters } from "../ground/pass-record.ts";
import { instantOf } from "../model/clock.ts";
import type { PassRow } from "../model/pass.ts";
import type { Clash } from "../model/pass-conflicts.ts";
import type { KnownLedger } from "./known-ledgers.ts";

export function shownSummary(pass: PassRow, counters: PassCounters | null): object {
  return {
    id: pass.passId,
    ship: pass.ship,
    station: pass.station,
    host: pass.host,
    port: pass.port,
    aos: pass.aos,
    los: pass.los,
    prepass_margin_s: pass.prepassMarginMs / 1000,
    drain_margin_s: pass.drainMarginMs / 1000,
    template: pass.template,
    flows: pass.flows,
    priority: pass.priority,
    state: pass.state,
    reason: pass.reason,
    node: pass.node,
    opened_date: pass.openedAt,
    receive_buffer_bytes: pass.receiveBufferBytes,
    dataset_id: pass.datasetId,
    contact: pass.contact,
    counters,
    created_by: pass.createdBy,
    created_date: pass.createdAt,
    modified_date: pass.modifiedAt,
  };
}

/** `replays`: of a pass that is just planned, or under way, there are none. */
export function shownPass(pass: PassRow, known: KnownLedger | null, replays: readonly object[] = []): object {
  const { archive } = pass;
  return {
    ...shownSummary(pass, known === null ? null : countersOf(known.ledger)),
    ledger: known?.ledger ?? null,
    ledger_date: known?.at ?? null,
    archive:
      archive === null
        ? null
        : {
            path: archive.path,
            format: archive.format,
            sha256: archive.sha256,
            size_bytes: archive.sizeBytes,
            packets: archive.packets,
          },
    archive_removed_date: pass.archiveRemovedAt,
    archive_removed_reason: pass.archiveRemovedWhy,
    replays,
  };
}

export function shownClash({ index, with: other, withIndex, on }: Clash): object {
  const { passId, ship, station, host, port, aosMs, losMs, priority } = other;
  return {
    index,
    on,
    pass_id: passId,
    with_index: withIndex,
    ...{ ship, station, host, port, aos: instantOf(aosMs), los: instantOf(losMs), priority },
  };
}

export function shownListener(pass: PassRow, counters: PassCounters | null): object {
  const { passId, ship, station, host, port, state, node, aos, los, openedAt } = pass;
  const received = counters?.received ?? null;
  return { pass_id: passId, ship, station, host, port, state, node, aos, los, opened_date: openedAt, received };
}

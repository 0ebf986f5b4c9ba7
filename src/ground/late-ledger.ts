/** What packets that come after a pass do to its ledger: pure, from a checkpoint to the next one. */
import type { Instant } from "../model/clock.ts";
import type { PacketBatch } from "./batch.ts";
import { verdictCode } from "./batch.ts";
import type { Ingested } from "./ingest.ts";
import type { LedgerCheckpoint } from "./ledger.ts";
import type { ApidCheckpoint, SequenceTurn } from "./sequence.ts";

/** Datagrams and their octets stay as they were: these packets came in none. */
export function withLate(
  before: LedgerCheckpoint,
  {
    ingested,
    turn,
    apids,
    at,
  }: { ingested: Ingested; turn: SequenceTurn; apids: readonly ApidCheckpoint[]; at: Instant },
): LedgerCheckpoint {
  const { arrival } = before;
  const rejected = { ...arrival.rejected };
  let rejects = 0;
  for (const [reason, count] of ingested.rejected) {
    rejected[reason] += count;
    rejects += count;
  }
  const { late } = arrival;
  return {
    ...before,
    apids,
    arrival: {
      ...arrival,
      received: arrival.received + ingested.received,
      idle: arrival.idle + ingested.idle,
      stored: arrival.stored + turn.toStore,
      duplicates: arrival.duplicates + turn.duplicates,
      outOfOrder: arrival.outOfOrder + turn.late,
      conflicts: arrival.conflicts + turn.conflicts,
      rejected,
      late: {
        received: (late?.received ?? 0) + ingested.received,
        stored: (late?.stored ?? 0) + turn.toStore,
        duplicates: (late?.duplicates ?? 0) + turn.duplicates,
        conflicts: (late?.conflicts ?? 0) + turn.conflicts,
        rejected: (late?.rejected ?? 0) + rejects,
        idle: (late?.idle ?? 0) + ingested.idle,
        bytes: (late?.bytes ?? 0) + ingested.bytes,
        uploads: (late?.uploads ?? 0) + 1,
        last_at: at,
      },
    },
  };
}

/** How many packets of each APID are new, ascending. */
export function newByApid(packets: PacketBatch, { verdicts }: SequenceTurn): { apid: number; stored: number }[] {
  const counts = new Map<number, number>();
  for (let i = 0; i < packets.count; i++) {
    if (verdicts[i] === verdictCode.duplicate) continue;
    const apid = packets.apids[i] ?? 0;
    counts.set(apid, (counts.get(apid) ?? 0) + 1);
  }
  return [...counts].map(([apid, stored]) => ({ apid, stored })).sort((one, other) => one.apid - other.apid);
}

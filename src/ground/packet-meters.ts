/** Counts packets for Prometheus: by ship what became of them, and what was lost on this machine. */
import type { PassId, PassRow } from "../model/pass.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Ingested } from "./ingest.ts";
import type { LedgerTurn } from "./ledger.ts";
import type { ReceiverStats } from "./receiver.ts";

export interface PacketMeters {
  settled(ship: string, ingested: Ingested, turn: LedgerTurn, isStored: boolean): void;
  /** The socket of a pass counts from 0: only what is new since the last call is added. */
  socket(pass: Pick<PassRow, "passId" | "ship">, stats: ReceiverStats, isClosed: boolean): void;
}

export function createPacketMeters({ packets, drops }: Pick<Metrics, "packets" | "drops">): PacketMeters {
  const before = new Map<PassId, { kernel: number; queue: number; quota: number }>();
  const add = (ship: string, outcome: string, count: number): void => {
    if (count > 0) packets.total.labels(ship, outcome).inc(count);
  };
  return {
    settled(ship, ingested, turn, isStored) {
      packets.datagrams.labels(ship).inc(ingested.datagrams);
      packets.bytes.labels(ship).inc(ingested.bytes);
      add(ship, isStored ? "stored" : "dropped", turn.toStore);
      add(ship, "duplicate", turn.duplicates);
      add(ship, "idle", ingested.idle);
      for (const [reason, count] of ingested.rejected) add(ship, reason, count);
      if (!isStored) drops.total.labels("store").inc(turn.toStore);
    },
    socket({ passId, ship }, stats, isClosed) {
      const { kernel, queue, quota } = before.get(passId) ?? { kernel: 0, queue: 0, quota: 0 };
      const now = { kernel: stats.kernelDrops ?? 0, queue: stats.queueDrops, quota: stats.overQuota };
      add(ship, "over_quota", now.quota - quota);
      drops.total.labels("kernel").inc(Math.max(0, now.kernel - kernel));
      drops.total.labels("queue").inc(Math.max(0, now.queue - queue));
      if (isClosed) before.delete(passId);
      else before.set(passId, now);
    },
  };
}

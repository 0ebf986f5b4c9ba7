/**
 * The partitions of a source of ours that this node alone may read: takes them, renews them while they are held, and commits under their tokens. A
 * node that dies leaves them to the others when its leases end.
 */
import {
  commitFlowPartition,
  flowOffsets,
  type HeldPartition,
  releaseFlowPartitions,
  renewFlowPartitions,
  takeFlowPartitions,
} from "../../store/flow-partitions.ts";
import type { SourceParts } from "./setup.ts";

export interface PartitionLeases {
  /** Of these partitions, none of which is held, at most so many. */
  take(partitions: readonly string[], countMax: number): Promise<readonly HeldPartition[]>;
  /** Those that are not held any more: another node has them, or may. */
  renew(): Promise<readonly string[]>;
  /** Rejects when the partition is not held any more. */
  commit(partition: string, nextOffset: number): Promise<void>;
  release(partitions: readonly string[]): Promise<void>;
  offsets(partitions: readonly string[]): Promise<ReadonlyMap<string, number>>;
  readonly held: readonly string[];
}

const leaseMs = 10_000;
/** How often leases are to be renewed. */
export const renewMs = leaseMs / 3;

export function createPartitionLeases(
  flow: string,
  { sql, nodeId }: Pick<SourceParts, "sql" | "nodeId">,
): PartitionLeases {
  /** By partition: its token, and until when we may believe that we hold it. */
  const held = new Map<string, { readonly token: number; untilMs: number }>();
  const leaseOf = (partition: string) => ({ partition, token: held.get(partition)?.token ?? -1 });

  return {
    async take(partitions, countMax) {
      const untilMs = performance.now() + leaseMs;
      const taken = await takeFlowPartitions(sql, { flow, nodeId, leaseMs, partitions, countMax });
      for (const { partition, token } of taken) held.set(partition, { token, untilMs });
      return taken;
    },
    async renew() {
      const asked = [...held.keys()];
      const untilMs = performance.now() + leaseMs;
      try {
        const kept = await renewFlowPartitions(sql, flow, asked.map(leaseOf), leaseMs);
        for (const partition of asked) {
          const lease = held.get(partition);
          if (kept.has(partition) && lease !== undefined) lease.untilMs = untilMs;
          else held.delete(partition);
        }
        return asked.filter((partition) => !kept.has(partition));
      } catch (error) {
        const late = asked.filter((partition) => (held.get(partition)?.untilMs ?? 0) <= performance.now());
        for (const partition of late) held.delete(partition);
        if (late.length === 0) throw error;
        return late;
      }
    },
    async commit(partition, nextOffset) {
      if (await commitFlowPartition(sql, flow, leaseOf(partition), nextOffset)) return;
      throw new Error(`partition ${partition} is another node's now`);
    },
    async release(partitions) {
      const leases = partitions.map(leaseOf);
      for (const partition of partitions) held.delete(partition);
      await releaseFlowPartitions(sql, flow, leases);
    },
    offsets: (partitions) => flowOffsets(sql, flow, partitions),
    get held() {
      return [...held.keys()];
    },
  };
}

/** Where a flow's messages come from: partitions that this node is given and loses, each read in order. */
import type { Message } from "./message.ts";

export interface Source {
  /** Starts to read. Throws with its reason: `AwayError` when it cannot be reached now, `SetupError` when it cannot be used here. */
  open(listener: SourceListener): Promise<void>;
  /** No message of the partition is handed over once it returns, until `resume`. Of a partition that is not assigned: nothing. */
  pause(partition: string): void;
  resume(partition: string): void;
  /**
   * All messages below `nextOffset` are done with: who reads the partition next starts behind them. Resolves once that is durable, rejects
   * when it is not, also as the partition has passed to another reader in the meantime (fencing): then nothing was written.
   */
  commit(partition: string, nextOffset: number): Promise<void>;
  /** Messages known to wait in the partition behind the last one handed over; null where the source cannot say. */
  waiting(partition: string): number | null;
  /** Stops to read and gives up its partitions, without waiting for `revoked`. Commits nothing by itself. */
  close(): Promise<void>;
}

export interface SourceListener {
  /** The partition is this node's to read; its messages follow in order of their offsets. */
  assigned(partition: string): void;
  /** The partition passes on: what the promise waits for may still be committed; the source bounds how long it waits. */
  revoked(partition: string): Promise<void>;
  /** The next messages of one partition, in order, at least one. Taken at once: who has too many of them calls `pause`. */
  messages(partition: string, batch: readonly Message[]): void;
  /** The partition cannot be read on, until it is assigned anew. */
  failed(partition: string, reason: Error): void;
}

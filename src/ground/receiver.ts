/** What a pass asks of a UDP receiver, and what it gets: the seam between a listener and the thread or loop that owns the socket. */
import type { DatagramBatch, PacketFormat } from "./batch.ts";

export interface ReceiverOptions {
  /** The address to bind, e.g. `0.0.0.0` or `::`. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly format: PacketFormat;
  /** Larger datagrams than one packet of this size are still handed over: `ingest` rejects and counts what is oversized. */
  readonly packetSizeMax: number;
  /**
   * Takes a batch. The batch's buffer is the taker's until the returned promise settles: that gives the credit back.
   * Up to `creditsMax` batches are out at once, in order; a rejection is logged and counts as settled.
   */
  readonly onBatch: (batch: DatagramBatch) => Promise<void> | void;
  /** The socket broke, or `holdUntil` passed: the receiver closes itself, nothing more comes. */
  readonly onFailure?: (error: Error) => void;
  readonly log: ReceiverLog;
  /** Batches handed over and not yet settled, at most. Default 8. Beyond them: one more fills, then datagrams are dropped and counted. */
  readonly creditsMax?: number;
  /** Packets a second that are taken; what is over them is dropped and counted. Default null: all of them. */
  readonly packetsPerS?: number | null;
  /** A batch is handed over when it is this old, or full. Default 50. */
  readonly batchAgeMsMax?: number;
}

/** As much of pino as the receiver needs. */
export interface ReceiverLog {
  info(about: object, message: string): void;
  warn(about: object, message: string): void;
}

/** Counted since this socket was opened; the ledger adds up over several sockets of one pass. */
export interface ReceiverStats {
  /** Read from the socket, those dropped in our queue included. Sent to us = datagrams + kernelDrops. */
  readonly datagrams: number;
  readonly bytes: number;
  /** Packets lost as no credit came back in time: those of `queueDropDatagrams`, counted by their headers. */
  readonly queueDrops: number;
  readonly queueDropDatagrams: number;
  readonly queueDropBytes: number;
  /** Packets dropped as they were over the ship's quota, by their headers, and the datagrams that they came in. */
  readonly overQuota: number;
  readonly overQuotaDatagrams: number;
  readonly overQuotaBytes: number;
  /** Datagrams that the kernel dropped as its receive buffer was full; null = unknown on this system, never 0 for unknown. */
  readonly kernelDrops: number | null;
  /** Bytes waiting in the kernel at the last sample; null = unknown. */
  readonly kernelQueueBytes: number | null;
}

export interface Receiver {
  /** The port that is really bound. */
  readonly port: number;
  /** The receive buffer that the kernel granted (SO_RCVBUF as it counts, i.e. doubled); null = unknown. */
  readonly bufferBytes: number | null;
  stats(): ReceiverStats;
  /** The socket closes itself when `performance.now()` of the caller passes this: a lease's end, counted from before its renewal was sent. */
  holdUntil(monotonicMs: number): void;
  /** Packets a second from now on; null: all of them. */
  limit(packetsPerS: number | null): void;
  /** Reads on until the kernel's queue was empty twice, or for `deadlineMs`; then every batch is handed over and settled. */
  drain(deadlineMs: number): Promise<ReceiverStats>;
  /** Samples the drops a last time, closes the port, hands over what was read. Safe to call twice. */
  close(): Promise<ReceiverStats>;
}

/** Opens ports, each one's socket read where nothing else can stall it. */
export interface Receivers {
  /** Rejects with `PortOpenError`. */
  open(options: ReceiverOptions): Promise<Receiver>;
  /** Closes every port, then ends the threads. */
  close(): Promise<void>;
}

/** `holdUntil` has passed: the port is closed, as its lease may be another node's now. */
export class HoldEndedError extends Error {
  constructor(host: string, port: number) {
    super(`Closed UDP port ${host}:${port} as it was not held on to in time`);
    this.name = "HoldEndedError";
  }
}

/** Why a port could not be opened. `in_use`: retry until LOS. `refused`: not permitted or not an address of this machine, retrying is no use. */
export type PortFault = "in_use" | "refused" | "other";

export class PortOpenError extends Error {
  readonly fault: PortFault;
  readonly code: string;
  constructor(fault: PortFault, code: string, host: string, port: number, options?: ErrorOptions) {
    super(`Cannot open UDP port ${host}:${port}: ${explain(fault, code)}`, options);
    this.name = "PortOpenError";
    this.fault = fault;
    this.code = code;
  }
}

function explain(fault: PortFault, code: string): string {
  switch (fault) {
    case "in_use":
      return `another process or pass holds it (${code})`;
    case "refused":
      return `this process may not bind it, or the address is not of this machine (${code})`;
    case "other":
      return code;
    default:
      return fault satisfies never;
  }
}

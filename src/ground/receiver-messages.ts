/** What is said between the main thread and a receiver thread. Ports are known by the number that the main thread gave them. */
import type { PortFault, ReceiverOptions, ReceiverStats } from "./receiver.ts";

export type ToThread =
  | { readonly type: "open"; readonly id: number; readonly options: PortOptions }
  /** A batch is done with: a credit, and its buffer back. */
  | { readonly type: "settled"; readonly id: number; readonly batch: number; readonly buffer: ArrayBuffer }
  /** By the thread's own monotonic clock. */
  | { readonly type: "hold"; readonly id: number; readonly untilMs: number }
  | { readonly type: "limit"; readonly id: number; readonly packetsPerS: number | null }
  | { readonly type: "drain"; readonly id: number; readonly ask: number; readonly deadlineMs: number }
  | { readonly type: "close"; readonly id: number; readonly ask: number };

export type FromThread =
  /** The thread's monotonic clock as it says this. */
  | { readonly type: "ready"; readonly nowMs: number }
  | {
      readonly type: "opened";
      readonly id: number;
      readonly port: number;
      readonly bufferBytes: number | null;
      readonly stats: ReceiverStats;
    }
  | { readonly type: "refused"; readonly id: number; readonly fault: PortFault; readonly code: string }
  | {
      readonly type: "batch";
      readonly id: number;
      readonly batch: number;
      readonly count: number;
      readonly buffer: ArrayBuffer;
      readonly stats: ReceiverStats;
    }
  | { readonly type: "stats"; readonly id: number; readonly stats: ReceiverStats }
  /** Answers a drain or a close. */
  | { readonly type: "done"; readonly id: number; readonly ask: number; readonly stats: ReceiverStats }
  | {
      readonly type: "failed";
      readonly id: number;
      readonly holdEnded: boolean;
      readonly message: string;
      readonly stats: ReceiverStats;
    }
  | {
      readonly type: "log";
      readonly id: number;
      readonly level: "info" | "warn";
      readonly about: object;
      readonly message: string;
    };

export type PortOptions = Pick<
  ReceiverOptions,
  "host" | "port" | "format" | "packetSizeMax" | "creditsMax" | "batchAgeMsMax" | "packetsPerS"
>;

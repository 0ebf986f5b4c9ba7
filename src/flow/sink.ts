/** Where a flow's payloads go. A sink writes; what is tried again, when, and what becomes a dead letter is its feeder's to say. */
import type { Position } from "./message.ts";

/** One payload for one sink. */
export interface Delivery {
  /** Stable over redeliveries (`idempotencyKey`): what has been written under it need not be written again. */
  readonly key: string;
  readonly origin: Position;
  /** A JSON value. */
  readonly payload: unknown;
}

export type Outcome =
  /** Written as durably as the sink can say. */
  | { readonly kind: "ok" }
  /** Not written, but may be when tried again: a timeout, a refused connection, a 503. */
  | { readonly kind: "retry"; readonly reason: string }
  /** Never to be written: trying again would fail alike. */
  | { readonly kind: "refused"; readonly reason: string };

export interface Sink {
  /** Before the first delivery, again while it throws: with the sink's name and the reason `AwayError` when it cannot be reached now, `SetupError` when it cannot work as it is configured. */
  check(): Promise<void>;
  /**
   * One outcome for each delivery, in their order. To throw is `retry` for the whole batch. Never called while another call runs.
   * Once `signal` aborts (the sink's timeout) it ends soon; what it may have written by then is delivered again.
   */
  deliver(batch: readonly Delivery[], signal: AbortSignal): Promise<readonly Outcome[]>;
  close(): Promise<void>;
}

/** Does what a listener asks of its socket, and tells what became of it. One socket at a time; batches wait until the opening was told. */
import type { SocketEvent } from "../../actors/pass.ts";
import type { DatagramBatch } from "./batch.ts";
import type { Receiver, ReceiverOptions, ReceiverStats, Receivers } from "./receiver.ts";

export interface PassSocketParts {
  readonly receivers: Receivers;
  readonly options: Omit<ReceiverOptions, "host" | "port" | "onBatch" | "onFailure">;
  /** Packets a second; null: all that come. */
  readonly packetsPerS: number | null;
  readonly nowMs: () => number;
  readonly tell: (event: SocketEvent) => void;
  readonly take: (batch: DatagramBatch) => Promise<void>;
  /** The counts of the open socket, or the last ones of a socket that is closed now. */
  readonly counted: (stats: ReceiverStats, isClosed: boolean) => Promise<void>;
}

export class PassSocket {
  readonly #parts: PassSocketParts;
  #receiver: Receiver | null = null;
  #opening: Promise<void> | null = null;
  #holdUntilMs = 0;
  #packetsPerS: number | null;

  constructor(parts: PassSocketParts) {
    this.#parts = parts;
    this.#packetsPerS = parts.packetsPerS;
  }

  get isOpen(): boolean {
    return this.#receiver !== null;
  }

  /** SO_RCVBUF as granted to the last socket; null: none yet, or unknown. */
  receiveBufferBytes: number | null = null;

  /** The lease's end, by `performance.now()`: an open socket closes itself then. Infinite: nobody else could want the port. */
  holdUntil(monotonicMs: number): void {
    this.#holdUntilMs = monotonicMs;
    if (Number.isFinite(monotonicMs)) this.#receiver?.holdUntil(monotonicMs);
  }

  limit(packetsPerS: number | null): void {
    if (packetsPerS === this.#packetsPerS) return;
    this.#packetsPerS = packetsPerS;
    this.#receiver?.limit(packetsPerS);
  }

  open(host: string, port: number): void {
    this.#opening ??= this.#open(host, port).finally(() => {
      this.#opening = null;
    });
  }

  async drain(untilMs: number): Promise<void> {
    const receiver = this.#receiver;
    if (receiver !== null) {
      const stats = await this.#answered(receiver.drain(Math.max(0, untilMs - this.#parts.nowMs())), receiver);
      await this.#parts.counted(stats, false);
    }
    this.#parts.tell({ type: "socket.drained" });
  }

  /** Waits for an opening that is under way, so that no socket is left behind. */
  async close(): Promise<void> {
    await this.#opening;
    const receiver = this.#receiver;
    this.#receiver = null;
    if (receiver === null) return;
    await this.#parts.counted(await this.#answered(receiver.close(), receiver), true);
    this.#parts.tell({ type: "socket.closed", nowMs: this.#parts.nowMs() });
  }

  stats(): ReceiverStats | null {
    return this.#receiver?.stats() ?? null;
  }

  async #open(host: string, port: number): Promise<void> {
    const { receivers, options, tell, nowMs, take } = this.#parts;
    if (performance.now() >= this.#holdUntilMs) {
      tell({ type: "socket.refused", nowMs: nowMs(), reason: "the pass's lease was not renewed in time" });
      return;
    }
    let letIn = (): void => {};
    const isTold = new Promise<void>((resolve) => {
      letIn = resolve;
    });
    let receiver: Receiver;
    try {
      receiver = await receivers.open({
        ...options,
        host,
        port,
        packetsPerS: this.#packetsPerS,
        onBatch: (batch) => isTold.then(() => take(batch)),
        onFailure: (error) => void this.#broke(error),
      });
    } catch (error) {
      tell({ type: "socket.refused", nowMs: nowMs(), reason: error instanceof Error ? error.message : String(error) });
      return;
    }
    if (Number.isFinite(this.#holdUntilMs)) receiver.holdUntil(this.#holdUntilMs);
    this.#receiver = receiver;
    receiver.limit(this.#packetsPerS); // it may have changed meanwhile
    this.receiveBufferBytes = receiver.bufferBytes;
    tell({ type: "socket.opened", nowMs: nowMs(), receiveBufferBytes: receiver.bufferBytes });
    letIn();
  }

  /** A receiver that cannot answer any more is as good as closed: what it counted last stands. */
  #answered(stats: Promise<ReceiverStats>, receiver: Receiver): Promise<ReceiverStats> {
    return stats.catch((error: unknown) => {
      this.#parts.options.log.warn({ err: error }, "UDP receiver did not answer");
      return receiver.stats();
    });
  }

  async #broke(error: Error): Promise<void> {
    const nowMs = this.#parts.nowMs();
    const receiver = this.#receiver;
    this.#receiver = null;
    if (receiver === null) return;
    await this.#parts.counted(await this.#answered(receiver.close(), receiver), true);
    this.#parts.tell({ type: "socket.broken", nowMs, reason: error.message });
  }
}

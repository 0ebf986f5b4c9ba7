/** One receiver thread as the main thread sees it: opens ports there, takes their batches, gives credits back. */
import { Worker } from "node:worker_threads";
import { isCompiled } from "../embedded.ts";
import { batchOf } from "./datagram-collector.ts";
import { HoldEndedError, PortOpenError, type Receiver, type ReceiverOptions, type ReceiverStats } from "./receiver.ts";
import type { FromThread, ToThread } from "./receiver-messages.ts";

const startMsMax = 30_000;
/** `drain` and `close` answer by themselves within 30 s beyond their deadline; a thread that does not has died. */
const answerMsMax = 40_000;

interface RemotePort {
  readonly options: ReceiverOptions;
  readonly opened: PromiseWithResolvers<Receiver>;
  readonly asks: Map<number, (stats: ReceiverStats) => void>;
  stats: ReceiverStats | null;
}

export class ReceiverThread {
  readonly #worker: Worker;
  readonly #ports = new Map<number, RemotePort>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #onEnd: () => void;
  /** Ours minus the thread's monotonic clock, and the time its first message took: so a hold there ends early, never late. */
  #clockAheadMs = 0;
  #lastId = 0;
  #lastAsk = 0;
  #endedBy: Error | null = null;

  private constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
    this.#worker = new Worker(workerUrl());
    this.#worker.on("message", (message: FromThread) => this.#hear(message));
    this.#worker.on("error", (error) => this.#end(new Error("The receiver thread failed", { cause: error })));
    this.#worker.on("exit", (code) => this.#end(new Error(`The receiver thread ended with code ${code}`)));
    this.#worker.unref(); // open ports are what keeps a process alive: see `open`
  }

  /** Rejects if the thread does not start in time. `onEnd` is called once when it is gone, for whatever reason. */
  static async start(onEnd: () => void): Promise<ReceiverThread> {
    const thread = new ReceiverThread(onEnd);
    const timer = setTimeout(
      () => thread.#end(new Error(`The receiver thread did not start in ${startMsMax} ms`)),
      startMsMax,
    );
    try {
      await thread.#ready.promise;
    } finally {
      clearTimeout(timer);
    }
    return thread;
  }

  get portCount(): number {
    return this.#ports.size;
  }

  async open(options: ReceiverOptions): Promise<Receiver> {
    if (this.#endedBy !== null) throw this.#endedBy;
    this.#lastId += 1;
    const id = this.#lastId;
    const port: RemotePort = { options, opened: Promise.withResolvers(), asks: new Map(), stats: null };
    this.#ports.set(id, port);
    if (this.#ports.size === 1) this.#worker.ref();
    const { onBatch: _, onFailure: __, log: ___, ...plain } = options;
    this.#tell({ type: "open", id, options: plain });
    return port.opened.promise;
  }

  async stop(): Promise<void> {
    this.#end(new Error("The receiver thread was stopped"));
    await this.#worker.terminate();
  }

  #tell(message: ToThread, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #hear(message: FromThread): void {
    if (message.type === "ready") {
      this.#clockAheadMs = performance.now() - message.nowMs;
      this.#ready.resolve();
      return;
    }
    const port = this.#ports.get(message.id);
    if (port === undefined) return;
    if ("stats" in message) port.stats = message.stats;
    switch (message.type) {
      case "opened":
        port.opened.resolve(this.#receiver(message.id, port, message.port, message.bufferBytes));
        break;
      case "refused":
        this.#forget(message.id);
        port.opened.reject(new PortOpenError(message.fault, message.code, port.options.host, port.options.port));
        break;
      case "batch":
        void this.#take(message.id, port, message);
        break;
      case "stats":
        break;
      case "done":
        port.asks.get(message.ask)?.(message.stats);
        break;
      case "failed": {
        const { host, port: number } = port.options;
        this.#fail(message.id, port, message.holdEnded ? new HoldEndedError(host, number) : new Error(message.message));
        break;
      }
      case "log":
        port.options.log[message.level](message.about, message.message);
        break;
      default:
        message satisfies never;
    }
  }

  async #take(id: number, port: RemotePort, { batch, count, buffer }: FromThread & { type: "batch" }): Promise<void> {
    try {
      await port.options.onBatch(batchOf(buffer, count));
    } catch (error) {
      port.options.log.warn(
        { err: error, port: port.options.port, datagrams: count },
        "A batch of datagrams was not taken",
      );
    }
    if (this.#endedBy === null) this.#tell({ type: "settled", id, batch, buffer }, [buffer]);
  }

  #receiver(id: number, port: RemotePort, boundPort: number, bufferBytes: number | null): Receiver {
    const ask = async (message: { type: "drain"; deadlineMs: number } | { type: "close" }, deadlineMs: number) => {
      if (!this.#ports.has(id)) return statsOf(port);
      this.#lastAsk += 1;
      const number = this.#lastAsk;
      const { promise, resolve } = Promise.withResolvers<ReceiverStats>();
      port.asks.set(number, resolve);
      this.#tell({ ...message, id, ask: number });
      const timer = setTimeout(() => resolve(statsOf(port)), deadlineMs + answerMsMax);
      const stats = await promise;
      clearTimeout(timer);
      port.asks.delete(number);
      return stats;
    };
    let closed: Promise<ReceiverStats> | null = null;
    return {
      port: boundPort,
      bufferBytes,
      stats: () => statsOf(port),
      holdUntil: (monotonicMs) => {
        if (this.#ports.has(id)) this.#tell({ type: "hold", id, untilMs: monotonicMs - this.#clockAheadMs });
      },
      limit: (packetsPerS) => {
        if (this.#ports.has(id)) this.#tell({ type: "limit", id, packetsPerS });
      },
      drain: (deadlineMs) => ask({ type: "drain", deadlineMs }, deadlineMs),
      close: () => {
        closed ??= ask({ type: "close" }, 0).finally(() => this.#forget(id));
        return closed;
      },
    };
  }

  #fail(id: number, port: RemotePort, error: Error): void {
    this.#forget(id);
    for (const answer of port.asks.values()) answer(statsOf(port));
    port.opened.reject(error);
    port.options.onFailure?.(error);
  }

  #forget(id: number): void {
    this.#ports.delete(id);
    if (this.#ports.size === 0) this.#worker.unref();
  }

  #end(error: Error): void {
    if (this.#endedBy !== null) return;
    this.#endedBy = error;
    this.#ready.reject(error);
    for (const [id, port] of this.#ports) this.#fail(id, port, error);
    this.#onEnd();
  }
}

function statsOf(port: RemotePort): ReceiverStats {
  return port.stats ?? emptyStats;
}

const emptyStats: ReceiverStats = {
  datagrams: 0,
  bytes: 0,
  queueDrops: 0,
  queueDropDatagrams: 0,
  queueDropBytes: 0,
  overQuota: 0,
  overQuotaDatagrams: 0,
  overQuotaBytes: 0,
  kernelDrops: null,
  kernelQueueBytes: null,
};

/** Inside the single binary the thread's program is an entry point of its own, beside the one that all other sources became. */
function workerUrl(): URL {
  return new URL(isCompiled ? "./ground/receiver-worker.js" : "./receiver-worker.ts", import.meta.url);
}

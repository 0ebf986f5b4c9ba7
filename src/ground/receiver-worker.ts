/** A receiver thread: nothing runs here but sockets, so that nothing can keep them waiting. Batches go to the main thread against credits. */
import { parentPort } from "node:worker_threads";

import { UdpTables } from "./proc-net-udp.ts";
import { HoldEndedError, PortOpenError, type Receiver, type ReceiverStats } from "./receiver.ts";
import type { FromThread, PortOptions, ToThread } from "./receiver-messages.ts";
import { openUdpPort } from "./udp-port.ts";

const statsEveryMs = 200;

interface OpenPort {
  readonly receiver: Receiver;
  /** By batch number: gives the credit back. */
  readonly out: Map<number, (buffer: ArrayBuffer) => void>;
  /** The counts that the main thread heard last, from here. */
  told: ReceiverStats;
}

const tables = new UdpTables();
const ports = new Map<number, OpenPort>();

parentPort?.on("message", (message: ToThread) => void hear(message));
setInterval(tellStats, statsEveryMs);
tell({ type: "ready", nowMs: performance.now() });

function tell(message: FromThread, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

async function hear(message: ToThread): Promise<void> {
  if (message.type === "open") return open(message.id, message.options);
  const port = ports.get(message.id);
  switch (message.type) {
    case "settled":
      port?.out.get(message.batch)?.(message.buffer);
      port?.out.delete(message.batch);
      return;
    case "hold":
      return port?.receiver.holdUntil(message.untilMs);
    case "limit":
      return port?.receiver.limit(message.packetsPerS);
    case "drain":
    case "close": {
      if (port === undefined) return; // failed meanwhile: it has said so
      const { receiver } = port;
      const stats = await (message.type === "drain" ? receiver.drain(message.deadlineMs) : receiver.close());
      if (message.type === "close") ports.delete(message.id);
      return tell({ type: "done", id: message.id, ask: message.ask, stats });
    }
    default:
      message satisfies never;
  }
}

async function open(id: number, options: PortOptions): Promise<void> {
  const out: OpenPort["out"] = new Map();
  let batches = 0;
  try {
    const receiver = await openUdpPort(
      {
        ...options,
        log: {
          info: (about, message) => tell({ type: "log", id, level: "info", about, message }),
          warn: (about, message) => tell({ type: "log", id, level: "warn", about, message }),
        },
        take(batch) {
          batches += 1;
          const { promise, resolve } = Promise.withResolvers<ArrayBuffer>();
          out.set(batches, resolve);
          // A batch's views lie in a buffer that the collector made.
          const buffer = batch.bytes.buffer as ArrayBuffer;
          tell({ type: "batch", id, batch: batches, count: batch.count, buffer, stats: receiver.stats() }, [buffer]);
          return promise;
        },
        onFailure(error) {
          ports.delete(id);
          const holdEnded = error instanceof HoldEndedError;
          tell({ type: "failed", id, holdEnded, message: error.message, stats: receiver.stats() });
        },
      },
      tables,
    );
    const stats = receiver.stats();
    ports.set(id, { receiver, out, told: stats });
    tell({ type: "opened", id, port: receiver.port, bufferBytes: receiver.bufferBytes, stats });
  } catch (error) {
    const { fault, code } = error instanceof PortOpenError ? error : { fault: "other" as const, code: String(error) };
    tell({ type: "refused", id, fault, code });
  }
}

/** Only what has changed: most of many ports are quiet most of the time. */
function tellStats(): void {
  for (const [id, port] of ports) {
    const stats = port.receiver.stats();
    if (stats.datagrams === port.told.datagrams && stats.kernelDrops === port.told.kernelDrops) continue;
    port.told = stats;
    tell({ type: "stats", id, stats });
  }
}

/** Receivers that read their sockets in the event loop of the caller. */
import { UdpTables } from "./proc-net-udp.ts";
import type { Receiver, ReceiverOptions, Receivers } from "./receiver.ts";
import { openUdpPort } from "./udp-port.ts";

export function createLoopReceivers(): Receivers {
  const tables = new UdpTables();
  const receivers = new Set<Receiver>();
  return {
    async open(options) {
      const receiver = await openUdpPort({ ...options, take: takerOf(options) }, tables);
      const listed: Receiver = {
        port: receiver.port,
        bufferBytes: receiver.bufferBytes,
        stats: () => receiver.stats(),
        holdUntil: (monotonicMs) => receiver.holdUntil(monotonicMs),
        limit: (packetsPerS) => receiver.limit(packetsPerS),
        drain: (deadlineMs) => receiver.drain(deadlineMs),
        close() {
          receivers.delete(listed);
          return receiver.close();
        },
      };
      receivers.add(listed);
      return listed;
    },
    async close() {
      await Promise.all([...receivers].map((receiver) => receiver.close()));
    },
  };
}

function takerOf({ onBatch }: ReceiverOptions): Parameters<typeof openUdpPort>[0]["take"] {
  return async (batch) => {
    await onBatch(batch);
    // A batch's views lie in a buffer that the collector made.
    return batch.bytes.buffer as ArrayBuffer;
  };
}

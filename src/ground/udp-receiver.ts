/** Receivers that read their sockets in the event loop of the caller. */
import { UdpTables } from "./proc-net-udp.ts";
import type { Receiver, ReceiverOptions, Receivers } from "./receiver.ts";
import { openUdpPort } from "./udp-port.ts";

export function createLoopReceivers(): Receivers {
  const tables = new UdpTables();
  const open = new Set<Receiver>();
  return {
    async open(options) {
      const receiver = await openUdpPort(options, tables);
      open.add(receiver);
      return forgetting(receiver, () => open.delete(receiver));
    },
    async close() {
      await Promise.all([...open].map((receiver) => receiver.close()));
      open.clear();
    },
  };
}

/** One port alone, for programs that need no more. */
export function openReceiver(options: ReceiverOptions): Promise<Receiver> {
  return createLoopReceivers().open(options);
}

function forgetting(receiver: Receiver, forget: () => void): Receiver {
  return {
    port: receiver.port,
    bufferBytes: receiver.bufferBytes,
    stats: () => receiver.stats(),
    holdUntil: (monotonicMs) => receiver.holdUntil(monotonicMs),
    drain: (deadlineMs) => receiver.drain(deadlineMs),
    close() {
      forget();
      return receiver.close();
    },
  };
}

/** Receivers whose sockets are read by threads of their own, up to 64 a thread, so that a busy main thread costs no packet. */
import type { Receiver, ReceiverLog, Receivers } from "./receiver.ts";
import { ReceiverThread } from "./receiver-thread.ts";
import { createLoopReceivers } from "./udp-receiver.ts";

const portsPerThread = 64;

/** Threads start with the first port. Where none will start, the sockets are read here, and the log says so. */
export function createThreadReceivers(log: ReceiverLog): Receivers {
  const threads = new Set<Promise<ReceiverThread>>();
  const receivers = new Set<Receiver>();
  const fallback = createLoopReceivers();

  let choosing: Promise<unknown> = Promise.resolve();

  /** One choice at a time: two first ports must not start two threads. */
  function threadWithRoom(): Promise<ReceiverThread> {
    const chosen = choosing.then(choose);
    choosing = chosen.catch(() => {}); // whoever asked hears of it
    return chosen;
  }

  async function choose(): Promise<ReceiverThread> {
    const running = await Promise.all(threads);
    const [emptiest] = running.sort((one, other) => one.portCount - other.portCount);
    if (emptiest !== undefined && emptiest.portCount < portsPerThread) return emptiest;
    const starting: Promise<ReceiverThread> = ReceiverThread.start(() => threads.delete(starting));
    threads.add(starting);
    starting.catch(() => threads.delete(starting));
    return starting;
  }

  return {
    async open(options) {
      const thread = await threadWithRoom().catch((error: unknown) => {
        log.warn(
          { err: error },
          "No receiver thread: sockets are read in the main thread, where a stall may cost packets",
        );
        return fallback;
      });
      const receiver = await thread.open(options);
      receivers.add(receiver);
      return {
        ...receiver,
        close() {
          receivers.delete(receiver);
          return receiver.close();
        },
      };
    },
    async close() {
      await Promise.all([...receivers].map((receiver) => receiver.close()));
      receivers.clear();
      await fallback.close();
      const running = await Promise.allSettled(threads);
      await Promise.all(running.map((one) => (one.status === "fulfilled" ? one.value.stop() : undefined)));
      threads.clear();
    },
  };
}

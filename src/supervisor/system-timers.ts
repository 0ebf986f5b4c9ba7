/** Waiting as the process really does it; the simulation has its own. */
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import type { Timers } from "./supervisor.ts";

export const systemTimers: Timers = {
  sleep: (ms) => sleep(ms),
  breathe: () => setImmediate(),
  every(ms, work) {
    const timer = setInterval(work, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
};

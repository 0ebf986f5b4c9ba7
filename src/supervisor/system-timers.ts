/** Waiting on the real event loop. */
import { setImmediate } from "node:timers";
import type { Timers } from "./supervisor.ts";

export const systemTimers: Timers = {
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  breathe: () => new Promise((resolve) => setImmediate(resolve)),
  every(ms, work) {
    const timer = setInterval(work, ms);
    return () => clearInterval(timer);
  },
};

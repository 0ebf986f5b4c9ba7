/** Waits and deadlines. Between tries: longer each time, partly by chance, so that workers do not come back all at once. */
import { setTimeout as sleep } from "node:timers/promises";

export interface Backoff {
  /** `atLeastMs`: what the server asked for. Resolves early when `signal` aborts. */
  wait(signal: AbortSignal, atLeastMs?: number | null): Promise<void>;
  reset(): void;
}

export function createBackoff(baseMs: number, maxMs: number, random: () => number = Math.random): Backoff {
  let tries = 0;
  return {
    async wait(signal, atLeastMs = null) {
      const ceilingMs = Math.min(baseMs * 2 ** tries, maxMs);
      tries = Math.min(tries + 1, 30);
      const delayMs = Math.min(Math.max(ceilingMs * (0.5 + random() / 2), atLeastMs ?? 0), maxMs);
      await pause(delayMs, signal);
    },
    reset() {
      tries = 0;
    },
  };
}

/** Resolves after `ms`, or when `signal` aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

/** Runs `work` with a signal that aborts after `ms` or with `signal`, and leaves no listener behind: workers live for months. */
export async function within<Result>(
  ms: number,
  signal: AbortSignal | null,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const own = new AbortController();
  const onAbort = (): void => own.abort(signal?.reason);
  const timer = setTimeout(() => own.abort(new DOMException(`no answer within ${ms / 1000} s`, "TimeoutError")), ms);
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted) onAbort();
  try {
    return await work(own.signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

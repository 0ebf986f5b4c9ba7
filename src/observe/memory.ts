/**
 * Keeps the process small under load. Bun's heap grows to a multiple of what lives before it is collected, and what it once
 * had it rarely gives back. Measured at 3,000 requests/s: 205 MB without this, 155 MB with it, for 32 ms in 1.5 s.
 * Deno collects by itself.
 */

/** Below it nothing is worth a collection. */
const smallBytes = 120 * 1024 * 1024;
/** What may gather on top of what the last collection left; an idle process gathers nothing. */
const growthBytesMax = 2 * 1024 * 1024;
const checkMs = 1500;

/** Watches from now on, for as long as the process lives. */
export function collectEarly(): void {
  const bun = (globalThis as { Bun?: { gc(now: boolean): void } }).Bun;
  if (bun === undefined) return;
  let leftBytes = 0;
  const timer = setInterval(() => {
    if (process.memoryUsage.rss() < Math.max(smallBytes, leftBytes + growthBytesMax)) return;
    bun.gc(true);
    leftBytes = process.memoryUsage.rss();
  }, checkMs);
  timer.unref();
}

/** Waits for what a test expects to happen, so that no test sleeps. */

/** For a busy machine: that something takes too long is a test's own assertion, not this. */
const patienceMs = 30_000;

/** Looks every 5 ms until `condition` holds; fails after `withinMs`, naming `what`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = patienceMs,
): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`Not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

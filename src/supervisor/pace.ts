/** Long work in short pieces: after every 1,000 events the event loop gets its turn. */

/** At some 5–20 µs an event this keeps the loop free for others within 20 ms. */
const eventsPerPiece = 1000;

/** Runs `steps` to its end: at once if it is short, else in pieces. Stops early, with undefined, when `isWanted` says no. */
export function pace<T>(
  steps: Generator<void, T>,
  breathe: () => Promise<void>,
  isWanted: () => boolean,
): T | Promise<T | undefined> {
  const first = runPiece(steps);
  return first.done ? first.value : runOn(steps, breathe, isWanted);
}

async function runOn<T>(
  steps: Generator<void, T>,
  breathe: () => Promise<void>,
  isWanted: () => boolean,
): Promise<T | undefined> {
  for (;;) {
    await breathe();
    if (!isWanted()) return undefined;
    const piece = runPiece(steps);
    if (piece.done) return piece.value;
  }
}

function runPiece<T>(steps: Generator<void, T>): { done: true; value: T } | { done: false } {
  for (let events = 0; events < eventsPerPiece; events++) {
    const step = steps.next();
    if (step.done) return { done: true, value: step.value };
  }
  return { done: false };
}

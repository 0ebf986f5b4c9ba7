/** Does a duty again and again, never twice at once; a failure is logged and the duty goes on. */
import type { Log } from "../observe/log.ts";

export interface Repeating {
  readonly name: string;
  /** Does it now, or once more after the one that is under way. */
  now(): void;
  /** Resolves when the duty that is under way, if any, has ended. */
  stop(): Promise<void>;
}

/** `everyMs` apart, with up to a fifth less by chance, so that nodes do not march in step. */
export function repeat(name: string, everyMs: number, log: Log, duty: () => Promise<void>): Repeating {
  const waitMs = () => everyMs * (1 - Math.random() / 5);
  const repeating = again(name, waitMs, log, async () => {
    await duty();
    return waitMs();
  });
  repeating.later();
  return repeating;
}

/** Begins at once; each look says in how many milliseconds the next one is due, `everyMs` after one that failed. */
export function poll(name: string, everyMs: number, log: Log, look: () => Promise<number>): Repeating {
  const polling = again(name, () => everyMs, log, look);
  polling.now();
  return polling;
}

function again(
  name: string,
  otherwiseMs: () => number,
  log: Log,
  duty: () => Promise<number>,
): Repeating & { later(): void } {
  let stopped = false;
  let isUnderWay = false;
  let isWanted = false;
  let underWay: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  const later = (ms = otherwiseMs()) => {
    timer = setTimeout(run, ms);
  };
  const run = () => {
    clearTimeout(timer);
    isUnderWay = true;
    isWanted = false;
    underWay = duty()
      .catch((error: unknown) => {
        log.warn({ err: error, duty: name }, "a duty failed and will be tried again");
        return otherwiseMs();
      })
      .then((nextMs) => {
        isUnderWay = false;
        if (stopped) return;
        if (isWanted) run();
        else later(nextMs);
      });
  };
  return {
    name,
    later,
    now() {
      if (stopped) return;
      if (isUnderWay) isWanted = true;
      else run();
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
      return underWay;
    },
  };
}

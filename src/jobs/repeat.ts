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
  let stopped = false;
  let isUnderWay = false;
  let isWanted = false;
  let underWay: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout;
  const run = () => {
    clearTimeout(timer);
    isUnderWay = true;
    isWanted = false;
    underWay = duty()
      .catch((error: unknown) => log.warn({ err: error, duty: name }, "a duty failed and will be tried again"))
      .then(() => {
        isUnderWay = false;
        if (stopped) return;
        if (isWanted) run();
        else next();
      });
  };
  const next = () => {
    timer = setTimeout(run, everyMs * (1 - Math.random() / 5));
  };
  next();
  return {
    name,
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

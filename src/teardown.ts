/** What was started is stopped in reverse, each part within its own deadline and all of them within one. */
import type { Log } from "./observe/log.ts";

interface Part {
  readonly name: string;
  readonly deadlineMs: number;
  readonly stop: () => Promise<void> | void;
}

/** A process manager sends SIGKILL after 10 s or more: be done before. */
export const stopMsMax = 9500;

export class Teardown {
  readonly #parts: Part[] = [];
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** To be called as soon as the part holds anything. */
  add(name: string, deadlineMs: number, stop: () => Promise<void> | void): void {
    this.#parts.push({ name, deadlineMs, stop });
  }

  /** Never rejects: a part that fails or hangs is logged, and the next one is stopped. */
  async run(): Promise<void> {
    const endMs = performance.now() + stopMsMax;
    for (let part = this.#parts.pop(); part !== undefined; part = this.#parts.pop()) {
      const leftMs = Math.max(100, endMs - performance.now());
      await this.#stop(part, Math.min(part.deadlineMs, leftMs));
    }
  }

  async #stop({ name, stop }: Part, deadlineMs: number): Promise<void> {
    const startMs = performance.now();
    try {
      if (!(await settlesWithin(deadlineMs, Promise.resolve(stop())))) {
        this.#log.warn({ part: name, deadlineMs }, "a part did not stop in time: going on without it");
        return;
      }
      this.#log.debug({ part: name, ms: Math.round(performance.now() - startMs) }, "stopped");
    } catch (error) {
      this.#log.error({ part: name, err: error }, "a part failed while stopping");
    }
  }
}

/** False when `work` is not done by then; rejects when it is, by failing. */
export async function settlesWithin(deadlineMs: number, work: Promise<unknown>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), deadlineMs);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

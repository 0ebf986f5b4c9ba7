/** Finds and kills what left its process group by `setsid`: on Linux, by a variable that it inherited. Elsewhere it does nothing. */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { type FirstProcess, findMarked, readPidMax, runVariable, youngerThan } from "./marked-processes.ts";

/** A process may start another one, or another program, while we look. All are stopped before they are killed, so that those which multiply come to an end. */
const passesMax = 20;
/** One that has been killed, or becomes another program, may wait for a busy core or a disk: it is looked at again after 1 ms, 2, 4 and so on. */
const pauseMsMax = 32;
export interface Sweeper {
  /**
   * Resolves once no process of the run is left. One that emptied its environment is not found, nor one that is always another before
   * it is looked at. `first`: the run's first process and when it was about to start (`performance.now()`), if known: then what is
   * older is not looked at.
   */
  sweep(run: string, first?: FirstProcess): Promise<void>;
}

const unknown: FirstProcess = { pid: null, beganMs: 0 };

interface Ask {
  readonly mark: string;
  readonly first: FirstProcess;
  /** Were not known when it was looked for. Null: there is no saying which may be of the run. */
  unsure: readonly number[] | null;
  passes: number;
  end(): void;
}

/**
 * To read the environment of 90 processes costs 1 ms of CPU under Bun, 7 to 14 under Deno. So runs that end while a look is under way
 * share the next one, which leaves out what is older than them. It is not read in one go: a process may make its reader wait.
 */
export function createSweeper(): Sweeper {
  const pidMax = process.platform === "linux" ? readPidMax() : 0;
  let asks: Ask[] = [];
  let isLooking = false;

  async function look(): Promise<void> {
    isLooking = true;
    let killed = new Set<number>();
    let pauseMs = 0.5;
    while (asks.length > 0) {
      const now = asks;
      asks = [];
      const { pids: found, unsure } = await findMarked(
        now.map(({ mark }) => mark),
        youngerThan(
          now.map(({ first }) => first),
          performance.now(),
          pidMax,
        ),
      );
      const pids = [...found.values()].flat();
      for (const pid of pids) send(pid, "SIGSTOP");
      for (const pid of pids) send(pid, "SIGKILL");
      for (const ask of now) {
        // What it had started by now may be becoming another program as well.
        ask.unsure = found.has(ask.mark) ? null : unsure.filter((pid) => ask.unsure?.includes(pid) ?? true);
      }
      const left = now.filter((ask) => ask.unsure?.length !== 0 && ++ask.passes < passesMax);
      for (const ask of now) if (!left.includes(ask)) ask.end();
      asks.push(...left);
      const isWaiting = left.length > 0 && pids.every((pid) => killed.has(pid));
      pauseMs = isWaiting ? Math.min(pauseMs * 2, pauseMsMax) : 0.5;
      if (isWaiting) await sleep(pauseMs);
      killed = new Set(pids);
    }
    isLooking = false;
  }

  return {
    sweep(run, first = unknown) {
      if (process.platform !== "linux") return Promise.resolve();
      const { promise, resolve } = Promise.withResolvers<void>();
      asks.push({ mark: `${runVariable}=${run}`, first, unsure: null, passes: 0, end: resolve });
      if (!isLooking) void look();
      return promise;
    },
  };
}

function send(pid: number, signal: "SIGSTOP" | "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ESRCH: it ended meanwhile.
  }
}

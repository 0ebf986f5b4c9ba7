/** Warm processes of a flow, each for tasks of one command and environment only. When all are taken, tasks wait in order. */
import { abortable } from "../../compute/abortable.ts";
import type { KeptProcess, TaskResult } from "../executor.ts";
import { createSlots } from "../slots.ts";
import type { Command } from "./command.ts";
import { startWarm, type WarmAsk, type WarmProcess, type WarmTask } from "./warm-process.ts";

export interface WarmPool {
  run(command: Command, task: WarmTask, signal: AbortSignal): Promise<TaskResult>;
  readonly processes: readonly KeptProcess[];
  close(): Promise<void>;
}

export interface WarmPolicy extends Omit<WarmAsk, "command"> {
  readonly processesMax: number;
  /** Null: for ever. */
  readonly tasksMax: number | null;
  readonly idleMs: number | null;
}

interface Idle {
  readonly key: string;
  readonly process: WarmProcess;
  readonly timer: NodeJS.Timeout | undefined;
}

export function createWarmPool({ processesMax, tasksMax, idleMs, ...policy }: WarmPolicy): WarmPool {
  const slots = createSlots(processesMax);
  /** Those that end count until nothing of them is left. */
  const processes = new Set<WarmProcess>();
  /** Longest idle first. */
  const idle: Idle[] = [];
  let isClosed = false;

  function start(command: Command): WarmProcess {
    const process = startWarm({ command, ...policy });
    processes.add(process);
    void process.gone.then(() => {
      processes.delete(process);
      drop(process);
    });
    return process;
  }

  /** Out of the idle ones. */
  function drop(process: WarmProcess): void {
    const at = idle.findIndex((one) => one.process === process);
    if (at >= 0) clearTimeout(idle.splice(at, 1)[0]?.timer);
  }

  /** One that nobody else has. A slot is held, so of `processesMax` at least one is idle or about to end. */
  async function take(key: string, command: Command, signal: AbortSignal): Promise<WarmProcess> {
    for (;;) {
      signal.throwIfAborted();
      if (isClosed) throw new Error("the executor is closed");
      const same = idle.findLast((one) => one.key === key && one.process.isUsable)?.process;
      if (same !== undefined) {
        drop(same);
        return same;
      }
      if (processes.size < processesMax) return start(command);
      const isEnding = [...processes].some(({ isUsable }) => !isUsable);
      if (!isEnding) idle[0]?.process.retire();
      await abortable(Promise.race([...processes].filter((one) => !one.isUsable).map(({ gone }) => gone)), signal);
    }
  }

  function putBack(key: string, process: WarmProcess): void {
    if (!process.isUsable) return;
    if (isClosed || process.tasks === tasksMax) process.retire();
    else idle.push({ key, process, timer: idleMs === null ? undefined : setTimeout(process.retire, idleMs) });
  }

  return {
    async run(command, task, signal) {
      const giveBack = await slots.take(0, signal);
      try {
        const key = JSON.stringify([command.argv, Object.entries(command.env).sort()]);
        const process = await take(key, command, signal);
        try {
          return await process.run(task, signal);
        } finally {
          putBack(key, process);
        }
      } finally {
        giveBack();
      }
    },
    get processes() {
      return [...processes].map(({ shown }) => shown);
    },
    async close() {
      isClosed = true;
      for (const { process } of idle) process.retire();
      for (const process of processes) if (process.isUsable) process.stop("the executor is closed");
      await Promise.all([...processes].map(({ gone }) => gone));
    },
  };
}

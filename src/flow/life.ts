/** The hooks of a flow's module that belong to no message: when it starts, when partitions come and go, and what runs every so often. */
import { messageOf } from "../compute/function.ts";
import { SetupError } from "../model/errors.ts";
import type { Log } from "../observe/log.ts";
import type { FlowContext, FlowModule, Periodic } from "./hooks.ts";

export interface Life {
  /** Throws `SetupError`. Does nothing once it has succeeded. */
  start(): Promise<void>;
  /** Throws `SetupError`, and the signal's reason where that says meanwhile that nobody wants it any more. Periodic tasks run from now on. */
  ready(signal: AbortSignal): Promise<void>;
  assigned(partition: string): Promise<void>;
  revoked(partition: string): Promise<void>;
  /** No periodic task is begun any more. */
  stop(): void;
}

export interface LifeParts {
  readonly module: FlowModule;
  readonly context: FlowContext;
  readonly log: Pick<Log, "warn">;
}

export function createLife({ module, context, log }: LifeParts): Life {
  const { flow } = context;
  const timers: NodeJS.Timeout[] = [];
  let hasStarted = false;

  async function must(hook: "onStart" | "onReady"): Promise<void> {
    try {
      await module[hook]?.(context);
    } catch (error) {
      throw new SetupError(`Cannot start flow "${flow}": ${hook} failed: ${messageOf(error)}`, { cause: error });
    }
  }

  async function may(hook: "onAssign" | "onRevoke", partition: string): Promise<void> {
    try {
      await module[hook]?.(partition, context);
    } catch (error) {
      log.warn({ err: error, flow, partition, hook }, "a hook of a flow failed");
    }
  }

  function begin(name: string, { everyS, run }: Periodic): void {
    let isRunning = false;
    const once = async (): Promise<void> => {
      if (isRunning) return;
      isRunning = true;
      try {
        await run(context);
      } catch (error) {
        log.warn({ err: error, flow, periodic: name }, "a periodic task of a flow failed");
      }
      isRunning = false;
    };
    timers.push(setInterval(() => void once(), everyS * 1000));
  }

  return {
    async start() {
      if (hasStarted) return;
      await must("onStart");
      hasStarted = true;
    },
    async ready(signal) {
      await must("onReady");
      signal.throwIfAborted();
      for (const [name, periodic] of Object.entries(module.periodic ?? {})) begin(name, periodic);
    },
    assigned: (partition) => may("onAssign", partition),
    revoked: (partition) => may("onRevoke", partition),
    stop() {
      for (const timer of timers) clearInterval(timer);
    },
  };
}

/** Sends what happened to a job to its dataset until that is stored, or the lease is lost. */
import type { JobCommand } from "../model/command.ts";
import { LeaseLostError, OrreryError } from "../model/errors.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";
import { createBackoff } from "./backoff.ts";

const firstWaitMs = 50;
const waitMsMax = 2_000;

/**
 * True: stored. False: the lease is lost, or `givingUp` aborted. A busy or absent store is waited for, as the heartbeat is
 * what ends a lease; any other error is thrown.
 */
export async function insist(
  supervisor: Pick<Supervisor, "submit">,
  command: JobCommand,
  givingUp: AbortSignal,
): Promise<boolean> {
  const backoff = createBackoff(firstWaitMs, waitMsMax);
  for (;;) {
    try {
      await supervisor.submit(command, { service: "orrery", cause: command.type });
      return true;
    } catch (error) {
      if (error instanceof LeaseLostError || givingUp.aborted) return false;
      if (!passes(error)) throw error;
      await backoff.wait(givingUp);
    }
  }
}

/** 503: a bound was reached, the store is away, or a commit's outcome is not known. Saying it again is safe under the fence. */
const passes = (error: unknown): boolean => error instanceof OrreryError && error.status === 503;

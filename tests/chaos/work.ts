/** What nodes run in the drill: waits as it is told, writes to the file beside their folders that it ran, and ends as it is told. */
import { randomUUID } from "node:crypto";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { FunctionTask } from "../../src/compute/function.ts";

/** A job's payload, or a product's passthrough. */
export interface Work {
  /** `busy`: for a millisecond, without letting go of the event loop. */
  readonly wait: "none" | "busy" | "short" | "long";
  /** `second`: fails at its first attempt. `stubborn`: fails always. `doomed`: says that it is not to be tried again. */
  readonly end: "well" | "second" | "stubborn" | "doomed";
}

const busyMs = 1;
const waitMs = { none: 0, busy: 0, short: 50, long: 3_000 };
const witness = join(process.cwd(), "..", "witness");

export default async function run(task: FunctionTask): Promise<{ nonce: string }> {
  const { wait, end } = (task.payload ?? task.passthrough) as Work; // the drill makes nothing else
  const nonce = randomUUID();
  const note = (what: string) => appendFileSync(witness, `${task.job.id} ${nonce} ${what}\n`);
  task.log(`run ${nonce}`);
  note("began");
  // Its signal is not heeded: a run that goes on after its lease was lost is what the fence is for.
  for (const beganMs = performance.now(); wait === "busy" && performance.now() - beganMs < busyMs; );
  if (waitMs[wait] > 0) await sleep(waitMs[wait]);
  note("ended");
  if (end === "doomed") throw Object.assign(new Error("never again"), { retryable: false });
  if (end === "stubborn" || (end === "second" && task.attempt === 1)) throw new Error("not this time");
  return { nonce };
}

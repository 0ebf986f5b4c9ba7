/** What to do about a job that does not run, as a command: the server's own advice names its routes. */
import type { Explained } from "./shapes.ts";
import { clean } from "./words.ts";

/** By the job's state and the code of what holds it; null when there is nothing to do. */
export function jobAdvice({ id, state, blocked_by: blocked, suggested_action: said }: Explained): string | null {
  if (said === null) return null;
  if (state === "dead") return `Repair what made it fail, then: orrery dlq redrive ${id}`;
  if (state === "backing-off") return `${said}: orrery jobs cancel ${id}`;
  // Of a job it is no list.
  const { code, queue } = (blocked ?? {}) as Readonly<Record<string, unknown>>;
  const name = clean(queue);
  switch (code) {
    case "QUEUE_PAUSED":
      return `Resume the queue: orrery queues resume ${name}`;
    case "KEY_CONCURRENCY":
      return `Wait for it, or let more of a key run: orrery queues set ${name} --key-concurrency 2`;
    case "QUEUE_CONCURRENCY":
      return `Wait, or raise the limit: orrery queues set ${name} --concurrency NUMBER`;
    case "QUEUE_RATE":
      return `Wait, or raise the limit: orrery queues set ${name} --rate NUMBER`;
    case "RETRY_BUDGET":
      return `Wait, or raise the limit: orrery queues set ${name} --retries NUMBER`;
    default:
      return said; // no command does it
  }
}

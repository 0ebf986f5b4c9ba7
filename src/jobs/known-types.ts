/** Which job types may be enqueued: those that somebody runs. */
import type { Computes } from "../compute/compute.ts";

export interface JobType {
  readonly attemptsMax: number;
  /** Labels that whoever runs it needs. */
  readonly requires: readonly string[];
}

export interface JobTypes {
  /** For people, sorted. */
  names(): string[];
  /** Null: nobody runs it. */
  find(name: string): JobType | null;
}

/** What is configured and not external. Orrery's own types and the commands of templates are not for others to enqueue. */
export function jobTypesOf(computes: Pick<Computes, "names" | "dispatches" | "get">): JobTypes {
  const names = computes.names().filter((name) => computes.dispatches(name));
  const known = new Set(names.toSorted());
  return {
    names: () => [...known],
    find: (name) => (known.has(name) ? (computes.get(name) ?? null) : null),
  };
}

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

/** Orrery's own are enqueued by Orrery alone. */
const isInternal = (name: string): boolean => name.startsWith("orrery.");

export function jobTypesOf(computes: Pick<Computes, "names" | "dispatches" | "get">): JobTypes {
  const isRun = (name: string): boolean => !isInternal(name) && computes.dispatches(name);
  return {
    names: () => computes.names().filter(isRun).sort(),
    find: (name) => (isRun(name) ? (computes.get(name) ?? null) : null),
  };
}

/** How far one partition is read. */
import { type Backoff, createBackoff } from "../../jobs/backoff.ts";
import type { Message } from "../message.ts";
import type { Leader } from "./kafka-positions.ts";

export interface Reading {
  readonly name: string;
  readonly backoff: Backoff;
  leader: Leader | null;
  /** A topic that is made anew under the same name has another. */
  topicId: string | null;
  /** The next offset to fetch; null while it is not known. */
  position: number | null;
  /** The broker has nothing at the position: it starts behind it, or ends before it. */
  isOutOfRange: boolean;
  /** Fetched and not handed over. */
  fetched: Message[];
  highWatermark: number | null;
  isPaused: boolean;
  /** Something went wrong: it is tried again in a while. */
  isResting: boolean;
  isFailed: boolean;
  /** An answer could not be read in which it was one of several. */
  isAlone: boolean;
  /** Something of it has been handed over: what comes must lie behind that. */
  isBegun: boolean;
}

export const createReading = (name: string): Reading => ({
  name,
  backoff: createBackoff(100, 5_000),
  leader: null,
  topicId: null,
  position: null,
  isOutOfRange: false,
  fetched: [],
  highWatermark: null,
  isPaused: false,
  isResting: false,
  isFailed: false,
  isAlone: false,
  isBegun: false,
});

/** Where to read it is not known. */
export const isLost = (one: Reading): boolean => one.leader === null || one.position === null || one.isOutOfRange;

export const isFetchable = (one: Reading): boolean => !one.isResting && !one.isFailed && !isLost(one);

export interface Led {
  readonly leader: Leader;
  readonly readings: Reading[];
}

/** Each broker's, by its address. */
export function byLeader(readings: Iterable<Reading>): Map<string, Led> {
  const groups = new Map<string, Led>();
  for (const one of readings) {
    if (one.leader === null) continue;
    const { host, port } = one.leader.broker;
    const group = groups.get(`${host}:${port}`);
    if (group) group.readings.push(one);
    else groups.set(`${host}:${port}`, { leader: one.leader, readings: [one] });
  }
  return groups;
}

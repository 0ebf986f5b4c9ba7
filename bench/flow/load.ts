/** What a drill sends to a flow: phases of a day as data, and the messages of each, the same for the same seed. */
import { randomOf } from "../../tests/simulation/scheduler.ts";

export interface Phase {
  readonly name: string;
  readonly count: number;
  /** Infinity: as fast as the broker takes them. */
  readonly perS: number;
  /** Silence after it. */
  readonly idleMs: number;
}

export interface LoadMessage {
  /** From 0, over all phases. */
  readonly n: number;
  readonly slow: boolean;
  readonly fails: boolean;
}

const slowShare = 0.03;
const failingShare = 0.05;

/** 10,000 messages in some 80 seconds. */
export const wholePhases: readonly Phase[] = [
  { name: "warm-up", count: 100, perS: 50, idleMs: 2_000 },
  { name: "steady", count: 1_200, perS: 120, idleMs: 2_000 },
  { name: "burst", count: 800, perS: Number.POSITIVE_INFINITY, idleMs: 4_000 },
  { name: "slow trickle", count: 100, perS: 12, idleMs: 2_000 },
  { name: "steady again", count: 1_500, perS: 150, idleMs: 3_000 },
  { name: "flood", count: 5_000, perS: Number.POSITIVE_INFINITY, idleMs: 6_000 },
  { name: "after the flood", count: 800, perS: 100, idleMs: 4_000 },
  { name: "second burst", count: 400, perS: Number.POSITIVE_INFINITY, idleMs: 2_000 },
  { name: "cool-down", count: 100, perS: 20, idleMs: 0 },
];

/** 1,000 messages in some 35 seconds. */
export const fastPhases: readonly Phase[] = [
  { name: "warm-up", count: 50, perS: 25, idleMs: 1_000 },
  { name: "steady", count: 300, perS: 25, idleMs: 1_000 },
  { name: "burst", count: 500, perS: Number.POSITIVE_INFINITY, idleMs: 4_000 },
  { name: "cool-down", count: 150, perS: 12, idleMs: 0 },
];

/** `count` messages from `first` on. Which are slow and which fail hangs on the seed and the number alone. */
export function* messagesOf(first: number, count: number, seed: number): Generator<LoadMessage> {
  for (let n = first; n < first + count; n++) {
    const random = randomOf(seed * 1_000_003 + n);
    yield { n, slow: random() < slowShare, fails: random() < failingShare };
  }
}

/** Calls `send` with the messages of each phase in turn, a tenth of a second's at a time. */
export async function sendPhases(
  phases: readonly Phase[],
  seed: number,
  send: (messages: readonly LoadMessage[], phase: Phase) => Promise<void>,
): Promise<void> {
  let first = 0;
  for (const phase of phases) {
    const messages = [...messagesOf(first, phase.count, seed)];
    first += phase.count;
    const beganMs = performance.now();
    const chunk = Math.min(500, Math.max(1, Math.round(phase.perS / 10)));
    for (let sent = 0; sent < messages.length; sent += chunk) {
      await passed((sent / phase.perS) * 1000 - (performance.now() - beganMs));
      await send(messages.slice(sent, sent + chunk), phase);
    }
    await passed(phase.idleMs);
  }
}

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}

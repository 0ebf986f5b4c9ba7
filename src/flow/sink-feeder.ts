/**
 * Brings deliveries to one sink, in the order in which they are handed over: batches, a timeout, tries again later, and a breaker that leaves a
 * failing sink alone. What cannot be delivered is made a dead letter; only that or the sink's word settles a delivery. Its queue has no bound of
 * its own: what waits is of messages that a partition's window, or who may ask for how much at once, has bounded.
 */
import type { RetryRule } from "../compute/compute.ts";
import { createBackoff, pause, within } from "../jobs/backoff.ts";
import { delayMs } from "../jobs/retry-policy.ts";
import { type Breaker, type BreakerPolicy, breakerAfter, breakerBefore, closedBreaker } from "./breaker.ts";
import type { Delivery, Outcome, Sink } from "./sink.ts";

export interface FeederPolicy {
  readonly batchMax: number;
  /** How long a batch that is not full waits for more. */
  readonly lingerMs: number;
  readonly timeoutMs: number;
  readonly attemptsMax: number;
  readonly retry: RetryRule;
  readonly breaker: BreakerPolicy;
}

export interface FeederCounts {
  readonly delivered: number;
  readonly retried: number;
  readonly dead: number;
}

export type DeliveryEnd = "delivered" | "dead";

export interface SinkFeeder {
  /**
   * Resolves once the sink has it or it is durably a dead letter, and says which; rejects when the feeder stops first: then it may or may not have been
   * written, and must be delivered again. `bury`: instead of the feeder's own.
   */
  deliver(delivery: Delivery, bury?: Bury): Promise<DeliveryEnd>;
  /** Deliveries that are not settled, those on their way included. */
  readonly queued: number;
  readonly breaker: Breaker;
  readonly counts: FeederCounts;
  /** Lets the batch on its way come back, its signal aborted; rejects what is open. The sink is not closed. */
  stop(): Promise<void>;
}

/** Resolves once the dead letter is durable. When it rejects it is called again. */
export type Bury = (delivery: Delivery, reason: string, attempts: number) => Promise<void>;

export interface FeederParts {
  readonly sink: Pick<Sink, "deliver">;
  readonly policy: FeederPolicy;
  readonly bury: Bury;
  /** Milliseconds that only grow. */
  readonly nowMs: () => number;
}

interface Open {
  readonly delivery: Delivery;
  readonly bury: Bury;
  readonly settle: PromiseWithResolvers<DeliveryEnd>;
  attempts: number;
}

const buryWaitMs = 50;
const buryWaitMsMax = 2_000;

export function createSinkFeeder({ sink, policy, bury: buryByDefault, nowMs }: FeederParts): SinkFeeder {
  const stopping = new AbortController();
  const queue: Open[] = [];
  const counts = { delivered: 0, retried: 0, dead: 0 };
  let sending = 0;
  let breaker = closedBreaker;
  let running: Promise<void> | null = null;
  let filled: PromiseWithResolvers<void> | null = null;

  const stopped = () => stopping.signal.aborted;

  async function run(): Promise<void> {
    while (queue.length > 0 && !stopped()) {
      await linger();
      const batch = queue.splice(0, policy.batchMax);
      sending = batch.length;
      await sendAll(batch);
      sending = 0;
    }
    // In the same turn as the last look at the queue: a delivery that comes a microtask later must start a run of its own.
    running = null;
  }

  async function linger(): Promise<void> {
    if (queue.length >= policy.batchMax || policy.lingerMs === 0) return;
    const full = Promise.withResolvers<void>();
    const waiting = new AbortController();
    filled = full;
    const signal = AbortSignal.any([waiting.signal, stopping.signal]);
    await Promise.race([full.promise, pause(policy.lingerMs, signal)]);
    filled = null;
    waiting.abort();
  }

  /** Until each of the batch is settled or the feeder stops. Those behind it wait, so that order is kept as far as a sink can. */
  async function sendAll(batch: readonly Open[]): Promise<void> {
    let left = batch;
    while (left.length > 0) {
      await untilBreakerLets();
      if (stopped()) {
        for (const { settle } of left) settle.reject(stopError());
        return;
      }
      left = await send(left);
      const attempts = Math.max(0, ...left.map((open) => open.attempts));
      if (left.length > 0) await pause(delayMs(attempts, Math.random(), policy.retry), stopping.signal);
    }
  }

  async function untilBreakerLets(): Promise<void> {
    for (;;) {
      breaker = breakerBefore(breaker, nowMs());
      if (breaker.state !== "open" || stopped()) return;
      await pause(Math.max(1, breaker.untilMs - nowMs()), stopping.signal);
    }
  }

  /** What must be tried again. */
  async function send(batch: readonly Open[]): Promise<readonly Open[]> {
    const outcomes = await outcomesOf(batch);
    const failed = outcomes.every(({ kind }) => kind === "retry");
    breaker = breakerAfter(breaker, failed, nowMs(), policy.breaker);
    const left: Open[] = [];
    for (const [index, open] of batch.entries()) {
      const outcome = outcomes[index] ?? { kind: "retry", reason: "the sink said nothing of it" };
      open.attempts += 1;
      if (outcome.kind === "ok") {
        counts.delivered += 1;
        open.settle.resolve("delivered");
      } else if (outcome.kind === "retry" && (open.attempts < policy.attemptsMax || stopped())) {
        counts.retried += 1;
        left.push(open);
      } else await buryOpen(open, outcome.reason);
    }
    return left;
  }

  async function outcomesOf(batch: readonly Open[]): Promise<readonly Outcome[]> {
    try {
      const deliveries = batch.map(({ delivery }) => delivery);
      const work = (signal: AbortSignal) => sink.deliver(deliveries, signal);
      return await within(policy.timeoutMs, stopping.signal, work);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return batch.map(() => ({ kind: "retry", reason }));
    }
  }

  async function buryOpen({ delivery, bury, settle, attempts }: Open, reason: string): Promise<void> {
    const backoff = createBackoff(buryWaitMs, buryWaitMsMax);
    while (!stopped()) {
      try {
        await bury(delivery, reason, attempts);
        counts.dead += 1;
        settle.resolve("dead");
        return;
      } catch {
        await backoff.wait(stopping.signal);
      }
    }
    settle.reject(stopError());
  }

  return {
    deliver(delivery, bury = buryByDefault) {
      if (stopped()) return Promise.reject(stopError());
      const settle = Promise.withResolvers<DeliveryEnd>();
      queue.push({ delivery, bury, settle, attempts: 0 });
      if (queue.length >= policy.batchMax) filled?.resolve();
      running ??= run();
      return settle.promise;
    },
    get queued() {
      return queue.length + sending;
    },
    get breaker() {
      return breaker;
    },
    get counts() {
      return { ...counts };
    },
    async stop() {
      stopping.abort();
      await running;
      for (const { settle } of queue.splice(0)) settle.reject(stopError());
    },
  };
}

const stopError = () => new Error("the flow stops");

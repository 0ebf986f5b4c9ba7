/**
 * One partition of a flow on this node: hands its messages to the pipeline, stops its source while as many are held as may be, and commits what lies
 * below all that is open.
 */
import { messageOf } from "../compute/function.ts";
import { pause } from "../jobs/backoff.ts";
import type { Log } from "../observe/log.ts";
import type { Message } from "./message.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Source } from "./source.ts";
import { type SourceActor, startSourceActor } from "./source-actor.ts";
import { createWatermark, type Watermark } from "./watermark.ts";

export interface PartitionPolicy {
  /** Messages that are read and not committable yet; a source may hand over a batch more. */
  readonly windowMax: number;
  /** Messages that `arrange` is given at once. */
  readonly batchMax: number;
  /** How long a confirmed message may wait for its commit. */
  readonly commitMs: number;
}

export interface PartitionParts {
  readonly name: string;
  readonly source: Pick<Source, "pause" | "resume" | "commit">;
  readonly pipeline: Pipeline;
  readonly policy: PartitionPolicy;
  readonly isPaused: boolean;
  readonly log: Pick<Log, "warn">;
}

export interface PartitionState {
  readonly state: "starting" | "live" | "stalled" | "failed" | "stopped";
  readonly reason: string | null;
  /** Messages read and not below the watermark. */
  readonly held: number;
  /** What was committed last; null: nothing yet. */
  readonly committed: number | null;
  /** Messages taken and confirmed since the partition was assigned. */
  readonly taken: number;
  readonly confirmed: number;
}

export interface Partition {
  take(batch: readonly Message[]): void;
  setPaused(isPaused: boolean): void;
  fail(reason: Error): void;
  readonly state: PartitionState;
  readonly actor: Pick<SourceActor, "context" | "past">;
  /** Takes no more, waits for what is open until the deadline at most, and commits what was confirmed by then. */
  drain(deadlineMs: number): Promise<void>;
}

export function createPartition({ name, source, pipeline, policy, isPaused, log }: PartitionParts): Partition {
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  let watermark: Watermark | null = null;
  let committed: number | null = null;
  let committing: Promise<void> | null = null;
  let taken = 0;
  let confirmed = 0;
  let isDraining = false;

  const actor = startSourceActor(name, isPaused, {
    "reading.stop": () => source.pause(name),
    "reading.go": () => source.resume(name),
  });
  actor.send({ type: "opened" });
  const isStalled = () => actor.value === "stalled";

  function begin(batch: readonly Message[]): void {
    const run = pipeline.run(batch, { signal: stopping.signal, done: confirm }).catch(onStopped);
    running.add(run);
    run.finally(() => running.delete(run));
  }

  /** A message that could not be done because the flow stops is not committed: it is read again. */
  function onStopped(error: unknown): void {
    if (stopping.signal.aborted || isDraining) return;
    actor.send({ type: "failed", reason: messageOf(error) });
  }

  function confirm({ offset }: Message): void {
    watermark?.confirm(offset);
    confirmed += 1;
    // Only a stalled partition has use for it: an event for each message would cost more than the message.
    if (isStalled() && watermark !== null && watermark.held <= policy.windowMax / 2)
      actor.send({ type: "window.freed" });
    committing ??= commitLater();
  }

  /** As many messages as come meanwhile share a commit; one that failed is tried again after the same time. */
  async function commitLater(): Promise<void> {
    do {
      await pause(policy.commitMs, stopping.signal);
      await commit();
    } while (watermark?.nextOffset !== committed && !stopping.signal.aborted);
    committing = null;
  }

  async function commit(): Promise<void> {
    const next = watermark?.nextOffset ?? null;
    if (next === null || next === committed) return;
    try {
      await source.commit(name, next);
      committed = next;
    } catch (error) {
      log.warn(
        { err: error, partition: name, next },
        "a partition's progress could not be committed: it is tried again",
      );
    }
  }

  return {
    actor,
    take(batch) {
      const [first] = batch;
      if (first === undefined || isDraining) return;
      watermark ??= createWatermark(first.offset);
      for (const { offset } of batch) watermark.begin(offset);
      taken += batch.length;
      if (watermark.held >= policy.windowMax) actor.send({ type: "window.filled" });
      for (let at = 0; at < batch.length; at += policy.batchMax) begin(batch.slice(at, at + policy.batchMax));
    },
    setPaused: (isPaused) => actor.send({ type: isPaused ? "paused" : "unpaused" }),
    fail: ({ message }) => actor.send({ type: "failed", reason: message }),
    get state() {
      const { value, context } = actor;
      return { state: value, reason: context.reason, held: watermark?.held ?? 0, committed, taken, confirmed };
    },
    async drain(deadlineMs) {
      isDraining = true;
      // What a source goes on to hand over would be let go, and with some sources nobody gets it before long.
      source.pause(name);
      const late = new AbortController();
      await Promise.race([Promise.allSettled([...running]), pause(deadlineMs, late.signal)]);
      late.abort();
      stopping.abort(new Error("the flow stops"));
      await Promise.allSettled([...running]);
      await committing;
      await commit();
      actor.send({ type: "revoked" });
    },
  };
}

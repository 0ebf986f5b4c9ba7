/** One flow on this node: its sinks, its source's partitions, and what is asked of it beside them. */
import { createBackoff, pause } from "../jobs/backoff.ts";
import type { Clock } from "../model/clock.ts";
import { FlowNotOpenError } from "../model/flow-errors.ts";
import type { Log } from "../observe/log.ts";
import { checkAll } from "./away.ts";
import type { Breaker } from "./breaker.ts";
import type { FlowCache } from "./cache.ts";
import { createDecoder } from "./decode.ts";
import type { Executor, KeptProcess } from "./executor.ts";
import type { FlowContext } from "./hooks.ts";
import type { Letters } from "./letters.ts";
import { createLife } from "./life.ts";
import type { FlowDefinition } from "./load.ts";
import type { Message } from "./message.ts";
import { createOpening, type OpeningState } from "./opening.ts";
import { createPartition, type Partition, type PartitionState } from "./partition.ts";
import { createPipeline, type MessageFault } from "./pipeline.ts";
import type { Recorder } from "./recorder.ts";
import { createRequests, type Requests } from "./requests.ts";
import type { Sink } from "./sink.ts";
import { type Bury, createSinkFeeder, type FeederCounts, type SinkFeeder } from "./sink-feeder.ts";
import { createSlots } from "./slots.ts";
import type { Source } from "./source.ts";
import { createTaskTimes, type TaskTimesState } from "./task-times.ts";
import { type FlowWatch, watchAll } from "./watch.ts";

export interface FlowParts {
  readonly definition: FlowDefinition;
  readonly source: Source;
  /** By name, as the definition says. */
  readonly sinks: ReadonlyMap<string, Sink>;
  readonly executor: Executor;
  readonly letters: Letters;
  readonly context: FlowContext;
  readonly recorder: Recorder;
  readonly watch: FlowWatch;
  readonly clock: Clock;
  readonly log: Pick<Log, "warn" | "info">;
}

export interface Flow {
  readonly definition: FlowDefinition;
  readonly recorder: Pick<Recorder, "recent" | "longestOpen" | "dropped" | "counts">;
  /** What its hooks remember. */
  readonly cache: Pick<FlowCache, "counts">;
  /** Throws `SetupError` when a sink or the source cannot be used as it is configured. Where one is away the flow opens later: see `opening`. */
  start(isPaused: boolean): Promise<void>;
  /** Throws `FlowNotOpenError`: nothing may be asked of it yet. */
  requireOpen(): void;
  setPaused(isPaused: boolean): void;
  readonly state: FlowState;
  /** The actor of a partition that this node reads; null: it does not. */
  sourceActor(partition: string): Partition["actor"] | null;
  /** What is asked of it beside its source. */
  readonly requests: Requests;
  /** Stops to read, lets what is open end until the deadline, commits. */
  stop(): Promise<void>;
}

export interface FlowState {
  readonly opening: OpeningState;
  readonly isPaused: boolean;
  readonly partitions: readonly (PartitionState & { readonly name: string; readonly waiting: number | null })[];
  readonly sinks: readonly {
    readonly name: string;
    readonly kind: string;
    readonly breaker: Breaker;
    readonly counts: FeederCounts;
    readonly queued: number;
  }[];
  readonly tasks: { readonly running: number; readonly waiting: number };
  readonly executor: TaskTimesState & { readonly processes: readonly KeptProcess[] };
  /** Messages that were accepted and are not done with, and those that callers wait for. */
  readonly accepted: number;
  readonly processing: number;
}

interface Assigned {
  readonly partition: Partition;
  /** It was given up, and may commit no more. */
  isOver: boolean;
  leaving: Promise<void> | null;
}

/** For what is under way when the flow stops, and for a partition that passes on. */
const drainMs = 2_500;

export function createFlow({
  definition,
  source,
  sinks,
  executor,
  letters,
  recorder,
  context,
  watch: further,
  clock,
  log,
}: FlowParts): Flow {
  const { file, module, inputSchema } = definition;
  const stopping = new AbortController();
  const watch = watchAll([recorder.watch, further]);
  const life = createLife({ module, context, log });
  const opening = createOpening({ flow: file.id, open, log });
  const slots = createSlots(file.concurrency);
  const times = createTaskTimes(() => clock.monotonicMs());
  const partitions = new Map<string, Assigned>();
  let isPaused = false;

  const feeders = new Map<string, SinkFeeder>();
  for (const [name, { policy }] of file.sinks) {
    const sink = sinkOf(name);
    const buryDelivery: Bury = async (delivery, reason, attempts) => {
      const { key, payload } = delivery;
      const decision = await module.onDeliveryError?.({ sink: name, key, payload }, reason, context);
      if (decision !== "skip") await letters.delivery(name, delivery, reason, attempts);
    };
    feeders.set(name, createSinkFeeder({ sink, policy, bury: buryDelivery, nowMs: () => clock.monotonicMs() }));
  }
  const bury = (message: Message, fault: MessageFault) => untilStored(() => letters.message(message, fault));
  const pipeline = createPipeline({
    hooks: module,
    executor,
    slots,
    policy: file.tasks,
    times,
    decode: createDecoder(inputSchema),
    feeders,
    bury,
    watch,
    context,
  });
  const requests = createRequests({
    pipeline,
    feeders,
    bury,
    watch,
    concurrency: file.concurrency,
    stopping: stopping.signal,
  });

  function sinkOf(name: string): Sink {
    const sink = sinks.get(name);
    if (sink === undefined) throw new Error(`Flow ${file.id} has no sink ${name}`);
    return sink;
  }

  /** The store may be away: without its letter a message is not done with. */
  async function untilStored(bury: () => Promise<void>): Promise<void> {
    const backoff = createBackoff(50, 2_000);
    for (;;) {
      stopping.signal.throwIfAborted();
      try {
        return await bury();
      } catch (error) {
        log.warn({ err: error, flow: file.id }, "a dead letter could not be stored: it is tried again");
        await backoff.wait(stopping.signal);
      }
    }
  }

  function assign(name: string): void {
    const before = partitions.get(name);
    // What it still has open may not be committed under the new assignment.
    if (before !== undefined) before.isOver = true;
    const assigned: Pick<Assigned, "isOver" | "leaving"> = { isOver: false, leaving: null };
    const own: Pick<Source, "pause" | "resume" | "commit"> = {
      pause: (partition) => source.pause(partition),
      resume: (partition) => source.resume(partition),
      commit: async (partition, nextOffset) => {
        if (assigned.isOver) throw new Error(`partition ${partition} was given up`);
        await source.commit(partition, nextOffset);
      },
    };
    const partition = createPartition({ name, source: own, pipeline, policy: file.partitions, isPaused, log });
    partitions.set(name, Object.assign(assigned, { partition }));
    void life.assigned(name);
  }

  async function revoke(name: string): Promise<void> {
    const given = partitions.get(name);
    if (given === undefined) return;
    given.leaving ??= leave(name, given);
    await given.leaving;
  }

  async function leave(name: string, given: Assigned): Promise<void> {
    await given.partition.drain(drainMs);
    given.isOver = true;
    if (partitions.get(name) === given) partitions.delete(name);
    await life.revoked(name);
  }

  async function closeSinks(): Promise<void> {
    await letters.close();
    await Promise.all([...sinks.values()].map((sink) => sink.close()));
  }

  async function open(signal: AbortSignal): Promise<void> {
    await life.start();
    signal.throwIfAborted();
    const checks = [...file.sinks.keys()].map((name) => () => sinkOf(name).check());
    try {
      await checkAll([() => letters.check(), ...checks]);
      signal.throwIfAborted();
    } finally {
      if (signal.aborted) await closeSinks(); // what was reached meanwhile
    }
    await source.open({
      assigned: assign,
      revoked: revoke,
      messages: (name, batch) => partitions.get(name)?.partition.take(batch),
      failed(name, reason) {
        log.warn({ err: reason, flow: file.id, partition: name }, "a partition of a flow cannot be read on");
        partitions.get(name)?.partition.fail(reason);
      },
    });
    try {
      signal.throwIfAborted();
      await life.ready(signal);
    } catch (error) {
      await Promise.all([...partitions.keys()].map(revoke));
      await source.close();
      throw error;
    }
  }

  return {
    definition,
    recorder,
    cache: context.cache,
    async start(paused) {
      isPaused = paused;
      await opening.start();
    },
    requireOpen() {
      const { state, reason } = opening.now;
      if (state !== "open") throw new FlowNotOpenError(file.id, state, reason);
    },
    setPaused(paused) {
      if (paused === isPaused) return;
      isPaused = paused;
      for (const { partition } of partitions.values()) partition.setPaused(paused);
    },
    get state() {
      return {
        opening: opening.now,
        isPaused,
        partitions: [...partitions].map(([name, { partition }]) => ({
          name,
          ...partition.state,
          waiting: source.waiting(name),
        })),
        sinks: [...feeders].map(([name, feeder]) => ({
          name,
          kind: file.sinks.get(name)?.config.kind ?? "",
          breaker: feeder.breaker,
          counts: feeder.counts,
          queued: feeder.queued,
        })),
        tasks: { running: slots.used, waiting: slots.waiting },
        /** Only when asked: it looks through its histograms. */
        get executor() {
          return { ...times.state, processes: executor.processes ?? [] };
        },
        accepted: requests.accepted,
        processing: requests.processing,
      };
    },
    sourceActor: (name) => partitions.get(name)?.partition.actor ?? null,
    requests,
    async stop() {
      opening.stop();
      life.stop();
      const drains = Promise.all([...partitions.keys()].map(revoke));
      const late = new AbortController();
      await Promise.race([drains, pause(drainMs + 500, late.signal)]);
      late.abort();
      // What a feeder has open holds up those who wait for it: they are told, and their messages are read again.
      stopping.abort(new Error("the flow stops"));
      await Promise.all([...feeders.values()].map((feeder) => feeder.stop()));
      await drains;
      await source.close();
      await executor.close();
      await recorder.stop();
      await closeSinks();
    },
  };
}

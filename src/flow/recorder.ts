/**
 * The flight recorder of a flow: what became of its newest messages, in memory; and, in the store and so over all nodes, of those that failed,
 * took long or had a task that ran far longer than is usual, for some days. It never holds a message up: what the store does not take in time is counted and let go.
 */
import { pause } from "../jobs/backoff.ts";
import { newTimeUuid } from "../model/ids.ts";
import type { FlowTraceRow } from "../store/flow-traces.ts";
import type { FlowTask } from "./executor.ts";
import type { Position } from "./message.ts";
import { type ShownTrace, shownTrace, type Trace } from "./trace.ts";
import type { FlowWatch } from "./watch.ts";

export interface RecorderPolicy {
  /** Messages in memory. */
  readonly keptMax: number;
  /** One that takes so long is stored. */
  readonly slowMs: number;
  /** One that takes so long is logged; null: none is. */
  readonly loggedMs: number | null;
  readonly storedDays: number;
}

export interface Recorder {
  readonly watch: FlowWatch;
  /** Those in memory, the newest first: those that are done, then those on their way. */
  recent(): readonly Trace[];
  /** Of those on their way, the oldest first. */
  longestOpen(countMax: number): readonly Trace[];
  /** That could not be stored. */
  readonly dropped: number;
  /** Messages done with since the start, and those of them that became dead letters. */
  readonly counts: { readonly done: number; readonly dead: number };
  /** Stores what waits, for a moment. */
  stop(): Promise<void>;
}

export interface RecorderParts {
  readonly policy: RecorderPolicy;
  readonly nodeId: string;
  readonly labelOf: (task: FlowTask) => string | null;
  readonly onLong: (trace: ShownTrace) => void;
  readonly store: (rows: readonly FlowTraceRow[]) => Promise<void>;
  /** Milliseconds that only grow. */
  readonly nowMs: () => number;
}

const waitingMax = 2_000;
const batchMax = 200;
const storeEveryMs = 500;
/** One attempt in 20 may be far out, however many there are: so many messages a minute are stored for that alone. */
const outliersMaxPerMin = 60;

export function createRecorder({ policy, nodeId, labelOf, onLong, store, nowMs }: RecorderParts): Recorder {
  const open = new Map<string, Trace>();
  /** The newest last; bounded by dropping the first ones, some at a time. */
  let ended: Trace[] = [];
  let waiting: ShownTrace[] = [];
  let dropped = 0;
  let outliers = { minute: 0, stored: 0 };
  const counts = { done: 0, dead: 0 };
  const stopping = new AbortController();
  let storing: Promise<void> | null = null;

  const tracesOf = ({ origins }: FlowTask): Trace[] =>
    origins.map((origin) => open.get(keyOf(origin))).filter((trace) => trace !== undefined);

  /** A label that cannot be made is none: it is only for people. */
  function labelled(task: FlowTask): string | null {
    try {
      return labelOf(task);
    } catch {
      return null;
    }
  }

  function keep(trace: Trace): void {
    counts.done += 1;
    if (trace.hasLetter) counts.dead += 1;
    ended.push(trace);
    if (ended.length >= policy.keptMax * 2) ended = ended.slice(-policy.keptMax);
    if (policy.loggedMs !== null && (trace.tookMs ?? 0) >= policy.loggedMs) onLong(shownTrace(trace));
    if (trace.fault === null && (trace.tookMs ?? 0) < policy.slowMs && !(trace.hasOutlier && isOutlierStored())) return;
    if (waiting.length >= waitingMax) dropped += 1;
    else waiting.push(shownTrace(trace));
    storing ??= storeAll();
  }

  function isOutlierStored(): boolean {
    const minute = Math.floor(nowMs() / 60_000);
    if (minute !== outliers.minute) outliers = { minute, stored: 0 };
    outliers.stored += 1;
    return outliers.stored <= outliersMaxPerMin;
  }

  async function storeAll(): Promise<void> {
    while (waiting.length > 0) {
      await pause(storeEveryMs, stopping.signal);
      const batch = waiting.splice(0, batchMax);
      try {
        await store(batch.map(rowOf));
      } catch {
        if (stopping.signal.aborted) dropped += batch.length;
        else waiting = [...batch, ...waiting].slice(0, waitingMax);
      }
    }
    storing = null;
  }

  const rowOf = (shown: ShownTrace): FlowTraceRow => ({
    traceId: newTimeUuid(),
    partition: shown.partition,
    messageId: shown.id,
    outcome: shown.outcome === "open" ? "done" : shown.outcome,
    tookMs: shown.took_ms ?? 0,
    node: nodeId,
    at: shown.at,
    trace: JSON.stringify(shown),
  });

  const watch: FlowWatch = {
    begun(messages) {
      const takenMs = Date.now();
      const beganMs = nowMs();
      for (const { partition, id, key, timestampMs } of messages)
        open.set(keyOf({ partition, id }), {
          message: { partition, id, key, timestampMs },
          ...{ takenMs, beganMs, tookMs: null, tasks: new Map(), deliveries: [], fault: null },
          ...{ hasLetter: false, hasOutlier: false },
        });
    },
    attempted(task, attempt) {
      for (const trace of tracesOf(task)) {
        const traced = trace.tasks.get(task.key) ?? { task, label: labelled(task), attempts: [], end: null };
        traced.attempts.push(attempt);
        trace.tasks.set(task.key, traced);
        if (attempt.usualMs !== null) trace.hasOutlier = true;
      }
    },
    taskEnded(task, end) {
      for (const { tasks } of tracesOf(task)) {
        const traced = tasks.get(task.key);
        if (traced !== undefined) traced.end = end;
      }
    },
    delivered(origin, { sink, key }, end, durationMs) {
      open.get(keyOf(origin))?.deliveries.push({ sink, key, end, durationMs });
    },
    buried(message, fault) {
      const trace = open.get(keyOf(message));
      if (trace === undefined) return;
      trace.fault ??= fault;
      trace.hasLetter = true;
    },
    failed(message, fault) {
      const trace = open.get(keyOf(message));
      if (trace !== undefined) trace.fault ??= fault;
    },
    done(message) {
      const key = keyOf(message);
      const trace = open.get(key);
      if (trace === undefined) return;
      open.delete(key);
      trace.tookMs = nowMs() - trace.beganMs;
      keep(trace);
    },
    abandoned(messages) {
      for (const message of messages) open.delete(keyOf(message));
    },
  };

  return {
    watch,
    recent: () => [...open.values(), ...ended.slice(-policy.keptMax)].reverse(),
    longestOpen: (countMax) => open.values().take(countMax).toArray(),
    get dropped() {
      return dropped;
    },
    get counts() {
      return { ...counts };
    },
    async stop() {
      stopping.abort();
      await storing;
    },
  };
}

const keyOf = ({ partition, id }: Position): string => `${partition}\u0000${id}`;

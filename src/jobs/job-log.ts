/**
 * Stores what attempts print while they run, so that it can be followed from any node: gathered for a moment, bounded for
 * each attempt and over all. What is kept for good is the attempt's output, so a quick attempt's lines are never written here.
 */
import type { Clock } from "../model/clock.ts";
import type { Log } from "../observe/log.ts";
import { addLogParts, type LogPart } from "../store/job-logs.ts";
import type { Lease } from "../store/jobs.ts";
import type { Database } from "../store/sql.ts";
import { type Repeating, repeat } from "./repeat.ts";

/** Listeners on any node are told of a job's new lines here. */
export const logChannel = "orrery_job_log";
const flushMs = 250;
/** Of one attempt; the rest is in its output, whose end is kept. */
const attemptBytesMax = 512 * 1024;
/** Waiting to be written, over all attempts: what comes beyond it is left to the output. */
const waitingBytesMax = 8 * 1024 * 1024;

export interface JobLog {
  push(lease: Lease, chunk: Uint8Array): void;
  /** The attempt is over: what was not written yet need not be, unless its first lines were. */
  end(lease: Lease): void;
  stop(): Promise<void>;
}

interface Attempt {
  readonly lease: Lease;
  readonly decoder: TextDecoder;
  text: string;
  parts: number;
  bytes: number;
  isOver: boolean;
}

export function createJobLog({ sql, notify }: Database, clock: Clock, log: Log): JobLog {
  const attempts = new Map<string, Attempt>();
  let waitingBytes = 0;

  async function flush(): Promise<void> {
    const parts: LogPart[] = [];
    for (const [key, attempt] of attempts) {
      if (attempt.text !== "") {
        parts.push({ ...attempt.lease, part: attempt.parts++, at: clock.now(), text: attempt.text });
        attempt.text = "";
      }
      if (attempt.isOver) attempts.delete(key);
    }
    waitingBytes = 0;
    if (parts.length === 0) return;
    await addLogParts(sql, parts);
    for (const jobId of new Set(parts.map((part) => part.jobId))) notify(logChannel, jobId);
  }
  const flushing: Repeating = repeat("job log", flushMs, log, flush);

  return {
    push({ jobId, token }, chunk) {
      const key = `${jobId}.${token}`;
      let attempt = attempts.get(key);
      if (attempt === undefined) {
        attempt = { lease: { jobId, token }, decoder: new TextDecoder(), text: "", parts: 0, bytes: 0, isOver: false };
        attempts.set(key, attempt);
      }
      const room = Math.min(attemptBytesMax - attempt.bytes, waitingBytesMax - waitingBytes);
      if (room <= 0) return;
      const kept = chunk.subarray(0, room);
      attempt.bytes += kept.length;
      waitingBytes += kept.length;
      // Postgres refuses NUL in text.
      attempt.text += attempt.decoder.decode(kept, { stream: true }).replaceAll("\u0000", "\ufffd");
    },
    end({ jobId, token }) {
      if (attempts.size === 0) return;
      const key = `${jobId}.${token}`;
      const attempt = attempts.get(key);
      if (attempt === undefined) return;
      if (attempt.parts === 0) attempts.delete(key);
      else attempt.isOver = true;
    },
    async stop() {
      await flushing.stop();
      await flush().catch((error: unknown) => log.warn({ err: error }, "the last lines of jobs were not stored"));
    },
  };
}

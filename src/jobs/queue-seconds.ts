/** Counts what this node does in each second, by queue, and stores it once a second: rates over all nodes come from there. */
import type { AttemptReport } from "../model/command.ts";
import type { Log } from "../observe/log.ts";
import type { LeasedJob } from "../store/jobs.ts";
import { addQueueSeconds, type QueueSecond } from "../store/queue-seconds.ts";
import type { Sql } from "../store/sql.ts";
import { type Repeating, repeat } from "./repeat.ts";

const flushMs = 1_000;
/** Queues in one second; what happens in others is not counted. */
const rowsMax = 10_000;

export interface QueueSeconds {
  leased(job: Pick<LeasedJob, "queue" | "waitedS">): void;
  /** An attempt that ran for `ranMs` ended, and was stored: its job went to `to`. */
  ended(queue: string, outcome: AttemptReport["outcome"], ranMs: number, to: "succeeded" | "dead" | "queued"): void;
  stop(): Promise<void>;
}

export function createQueueSeconds(sql: Sql, nodeId: string, log: Log): QueueSeconds {
  /** Of the second that goes on, by queue, and of those before it that wait to be stored. */
  let rows = new Map<string, QueueSecond>();
  let past: QueueSecond[] = [];
  let currentS = 0;
  const turnTo = (atS: number): void => {
    past.push(...rows.values());
    past.splice(rowsMax);
    rows = new Map();
    currentS = atS;
  };
  const rowOf = (queue: string): QueueSecond | null => {
    const atS = Math.floor(Date.now() / 1000);
    if (atS !== currentS) turnTo(atS);
    let row = rows.get(queue);
    if (row === undefined) {
      if (rows.size >= rowsMax) return null;
      row = { queue, atS, leased: 0, succeeded: 0, failed: 0, retried: 0, dead: 0, waitedMs: 0, ranMs: 0 };
      rows.set(queue, row);
    }
    return row;
  };
  async function flush(): Promise<void> {
    turnTo(0);
    if (past.length === 0) return;
    const full = past;
    past = [];
    await addQueueSeconds(sql, nodeId, full);
  }
  const flushing: Repeating = repeat("queue seconds", flushMs, log, flush);
  return {
    leased({ queue, waitedS }) {
      const row = rowOf(queue);
      if (row === null) return;
      row.leased += 1;
      row.waitedMs += Math.max(0, waitedS * 1000);
    },
    ended(queue, outcome, ranMs, to) {
      const row = rowOf(queue);
      if (row === null) return;
      if (outcome === "succeeded") row.succeeded += 1;
      else if (outcome === "failed" || outcome === "timed_out" || outcome === "lost") row.failed += 1;
      if (to === "dead") row.dead += 1;
      else if (to === "queued") row.retried += 1;
      row.ranMs += ranMs;
    },
    async stop() {
      await flushing.stop();
      await flush().catch(() => undefined); // numbers of the last second
    },
  };
}

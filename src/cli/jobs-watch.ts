/** `orrery jobs watch`: the queues as they move, drawn anew on a terminal, a line a sample elsewhere. */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { type ApiFlags, apiCommand, clientOf, positiveNumber, wholeNumber } from "./api-command.ts";
import { queueTable } from "./queues.ts";
import type { JobMetrics, QueueRow } from "./shapes.ts";
import { duration, percent } from "./words.ts";

interface WatchFlags extends ApiFlags {
  readonly queue?: string;
  readonly every: number;
  readonly count?: number;
}

export function jobsWatchCommand(): Command {
  return apiCommand("watch", "watch jobs move: depth, rate, success, latency; ends with Ctrl-C", [
    "orrery jobs watch",
    "orrery jobs watch --queue default --every 5 --json",
  ])
    .option("-q, --queue <name>", "this queue only")
    .option("--every <seconds>", "between two looks", positiveNumber(3600), 2)
    .option("--count <number>", "end after so many looks", wholeNumber(1, 1_000_000))
    .action(watch);
}

async function watch(flags: WatchFlags): Promise<void> {
  const client = clientOf(flags);
  const isDrawn = process.stdout.isTTY === true && flags.json !== true;
  for (let look = 1; ; look++) {
    const metrics = await client.get<JobMetrics>("/job/metrics", { queue: flags.queue });
    const queues = flags.queue === undefined ? await client.get<QueueRow[]>("/queue") : [];
    if (flags.json === true) process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), ...metrics })}\n`);
    else
      process.stdout.write(
        (isDrawn ? "\x1b[H\x1b[2J" : "") +
          metricsText(metrics) +
          (isDrawn && queues.length > 0 ? `\n${queueTable(queues)}` : ""),
      );
    if (look === flags.count) return;
    await sleep(flags.every * 1000);
  }
}

function metricsText(one: JobMetrics): string {
  const rate = one.jobs_per_s < 10 ? one.jobs_per_s.toFixed(1) : Math.round(one.jobs_per_s);
  return (
    `${new Date().toISOString().slice(11, 19)}  depth ${one.depth}  running ${one.running}  held ${one.held}  scheduled ${one.scheduled}  ` +
    `${rate} jobs/s  success ${percent(one.success_rate)}  retries ${percent(one.retry_rate)}  ` +
    `latency ${duration(one.mean_latency_ms)}  wait ${duration(one.mean_wait_ms)}\n`
  );
}

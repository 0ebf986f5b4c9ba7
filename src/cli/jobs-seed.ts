/** `orrery jobs seed N`: many jobs at once, in batches that a broken connection cannot double. */
import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { type ApiFlags, apiCommand, clientOf, show, wholeNumber } from "./api-command.ts";
import { readJson } from "./input.ts";
import { startProgress } from "./progress.ts";

interface SeedFlags extends ApiFlags {
  readonly type: string;
  readonly queue?: string;
  readonly payload?: string;
  readonly batch: number;
  readonly attempts?: number;
  readonly spread?: number;
}

export function jobsSeedCommand(): Command {
  return apiCommand("seed", "enqueue many jobs, to see how a queue bears it", [
    "orrery jobs seed 10000 --type demo-delivery",
    'orrery jobs seed 1000 --type thumbnail --queue slow --spread 60 --payload \'{"file":"a.png"}\'',
  ])
    .argument("<count>", "how many", wholeNumber(1, 10_000_000))
    .requiredOption("-t, --type <name>", "their job type")
    .option("-q, --queue <name>", "the queue (default)")
    .option("-p, --payload <json>", 'what each is given: JSON, @file or -; {"n": 0…} without it')
    .option("--batch <number>", "jobs a request", wholeNumber(1, 10_000), 1000)
    .option("--attempts <number>", "how often each is tried at most", wholeNumber(1, 100))
    .option("--spread <seconds>", "spread their start over so many seconds", wholeNumber(1, 86_400))
    .action(seed);
}

async function seed(count: number, flags: SeedFlags): Promise<void> {
  const client = clientOf(flags);
  const payload = readJson(flags.payload, "--payload");
  const startedMs = performance.now();
  const bar = startProgress("Enqueueing", count);
  let done = 0;
  try {
    while (done < count) {
      const first = done;
      const jobs = Array.from({ length: Math.min(flags.batch, count - first) }, (_, i) => ({
        job_type: flags.type,
        queue: flags.queue,
        payload: payload === undefined ? { n: first + i } : payload,
        max_attempts: flags.attempts,
        delay_s: flags.spread === undefined ? undefined : Math.floor(((first + i) / count) * flags.spread),
      }));
      await client.send("POST", "/job", { body: jobs, idempotencyKey: randomUUID() });
      done += jobs.length;
      bar.at(done);
    }
  } finally {
    bar.end();
  }
  const seconds = Number(((performance.now() - startedMs) / 1000).toFixed(3));
  const queue = flags.queue ?? "default";
  show(
    flags,
    { count: done, job_type: flags.type, queue, seconds },
    () => `${done} jobs enqueued in ${seconds} s. Watch them: orrery jobs watch --queue ${queue}\n`,
  );
}

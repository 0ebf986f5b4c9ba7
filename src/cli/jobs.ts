/** `orrery jobs …`: list, read, enqueue, cancel and replay jobs. Their story is in job-story.ts, load in jobs-seed.ts. */
import process from "node:process";
import { type Command, Option } from "commander";
import { SetupError } from "../model/errors.ts";
import {
  type ApiFlags,
  apiCommand,
  clientOf,
  groupCommand,
  listOf,
  show,
  wholeNumber,
  withPaging,
} from "./api-command.ts";
import { readJson } from "./input.ts";
import { jobPath } from "./job-path.ts";
import { explainJobCommand, jobTimelineCommand } from "./job-story.ts";
import { waitForJob } from "./job-wait.ts";
import { jobsDemoCommand } from "./jobs-demo.ts";
import { jobsSeedCommand } from "./jobs-seed.ts";
import { jobsWatchCommand } from "./jobs-watch.ts";
import { moreText, readPages } from "./pages.ts";
import { type Job, jobStates } from "./shapes.ts";
import { details, table } from "./table.ts";
import { clean, colourOfState, duration, moment, painted, relative } from "./words.ts";

export function jobsCommand(): Command {
  return groupCommand(
    "jobs",
    "enqueue jobs, see them, and what became of them",
    ["orrery jobs list --state dead", 'orrery jobs enqueue thumbnail --payload \'{"file":"a.png"}\' --wait'],
    [
      listCommand(),
      showCommand(),
      enqueueCommand(),
      jobTimelineCommand(),
      explainJobCommand(),
      cancelCommand(),
      replayCommand(),
      jobsWatchCommand(),
      jobsSeedCommand(),
      jobsDemoCommand(),
    ],
  );
}

interface ListFlags extends ApiFlags {
  readonly queue?: string;
  readonly type?: string;
  readonly state?: string;
  readonly dataset?: string;
  readonly after?: string;
  readonly before?: string;
  readonly limit: number;
  readonly cursor?: string;
}

function listCommand(): Command {
  return withPaging(
    apiCommand("list", "list jobs, the newest first", [
      "orrery jobs list",
      "orrery jobs list --queue default --state dead --json | jq -r '.rows[].id'",
    ]),
  )
    .option("-q, --queue <name>", "of this queue")
    .option("-t, --type <name>", "of this job type")
    .addOption(new Option("--state <state>", "in this state").choices(jobStates))
    .option("--dataset <id>", "of this plan's products")
    .option("--after <date>", "created at or after, such as 2026-01-31T10:00:00Z")
    .option("--before <date>", "created before")
    .action(async (flags: ListFlags) => {
      const page = await readPages<Job>(clientOf(flags), "/job", {
        queue: flags.queue,
        job_type: flags.type,
        state: flags.state,
        dataset_id: flags.dataset,
        created_after: flags.after,
        created_before: flags.before,
        limit: flags.limit,
        cursor: flags.cursor,
      });
      show(flags, page, () => jobTable(page.rows) + moreText(page));
    });
}

export function jobTable(rows: readonly Job[]): string {
  if (rows.length === 0) return "No job matches.\n";
  return table(rows, [
    { title: "id", of: ({ id }) => id },
    { title: "queue", of: ({ queue }) => queue, shrinks: true },
    { title: "type", of: ({ job_type }) => job_type, shrinks: true },
    { title: "state", of: ({ state }) => state, colour: ({ state }) => colourOfState(state) },
    { title: "attempt", of: ({ attempt, max_attempts }) => `${attempt}/${max_attempts}` },
    { title: "created", of: ({ created_at }) => relative(created_at) },
    {
      title: "why",
      of: (job) => job.reason ?? job.held_by ?? (job.state === "scheduled" ? relative(job.run_at) : null),
      shrinks: true,
    },
  ]);
}

function showCommand(): Command {
  return apiCommand("show", "show one job", ["orrery jobs show $ID", "orrery jobs show $ID --json | jq .result"])
    .argument("<id>", "the job")
    .action(async (id: string, flags: ApiFlags) => {
      const job = await clientOf(flags).get<Job>(jobPath(id));
      show(flags, job, () => jobText(job));
    });
}

export function jobText(job: Job): string {
  const tookMs = job.started_at && job.finished_at ? Date.parse(job.finished_at) - Date.parse(job.started_at) : null;
  return details([
    ["id", job.id],
    ["type", clean(job.job_type)],
    ["queue", clean(job.queue)],
    ["state", painted(job.state, colourOfState(job.state))],
    ["attempt", `${job.attempt} of ${job.max_attempts}`],
    ["priority", job.priority === 0 ? null : job.priority],
    ["runs", job.state === "scheduled" || job.state === "backing-off" ? moment(job.run_at) : null],
    ["worker", clean(job.worker)],
    ["lease until", job.lease_until && moment(job.lease_until)],
    ["held by", clean(job.held_by)],
    ["requires", (job.requires ?? []).join(", ")],
    ["dataset", job.dataset_id],
    ["product", job.product_id],
    ["replay of", job.replay_of],
    ["redriven as", job.redriven_as],
    ["created", `${moment(job.created_at)} by ${clean(job.created_by)}`],
    ["started", job.started_at && moment(job.started_at)],
    ["finished", job.finished_at && moment(job.finished_at)],
    ["took", tookMs === null ? null : duration(tookMs)],
    ["reason", clean(job.reason)],
    ["error", clean(job.error)],
    ["payload", clean(job.payload)],
    ["result", clean(job.result)],
  ]);
}

interface EnqueueFlags extends ApiFlags {
  readonly queue?: string;
  readonly payload?: string;
  readonly at?: string;
  readonly delay?: number;
  readonly priority?: number;
  readonly attempts?: number;
  readonly timeout?: number;
  readonly key?: string;
  readonly requires?: readonly string[];
  readonly idempotencyKey?: string;
  readonly wait?: boolean;
}

function enqueueCommand(): Command {
  return apiCommand("enqueue", "enqueue one job", [
    'orrery jobs enqueue thumbnail --payload \'{"file":"a.png"}\'',
    "orrery jobs enqueue thumbnail --payload @job.json --delay 60 --priority 10",
    "echo '{\"n\":1}' | orrery jobs enqueue probe --payload - --wait --json",
  ])
    .argument("<type>", "its job type: a compute's name, or an entry of job_types in orrery.yaml")
    .option("-q, --queue <name>", "the queue (default)")
    .option("-p, --payload <json>", "what the job is given: JSON, @file, or - for standard input")
    .option("--at <date>", "not before, such as 2026-01-31T10:00:00Z")
    .option("--delay <seconds>", "not before so many seconds from now", wholeNumber(0, 31_536_000))
    .option("--priority <number>", "-100 to 100, the higher the sooner", wholeNumber(-100, 100))
    .option("--attempts <number>", "how often it is tried at most", wholeNumber(1, 100))
    .option("--timeout <seconds>", "how long an attempt may take", wholeNumber(1, 86_400 * 30))
    .option("--key <text>", "its concurrency key: jobs of one key run one after the other, as the queue says")
    .option("--requires <labels>", "only a worker with these labels runs it", listOf)
    .option("--idempotency-key <text>", "the same key again makes no second job")
    .option("-w, --wait", "wait for its end; exit code 1 when it did not succeed")
    .action(enqueue);
}

async function enqueue(type: string, flags: EnqueueFlags): Promise<void> {
  if (flags.at !== undefined && flags.delay !== undefined)
    throw new SetupError("Cannot use --at and --delay together: give one of them");
  const client = clientOf(flags);
  const job = await client.send<Job>("POST", "/job", {
    body: {
      job_type: type,
      payload: readJson(flags.payload, "--payload"),
      queue: flags.queue,
      run_at: flags.at,
      delay_s: flags.delay,
      priority: flags.priority,
      max_attempts: flags.attempts,
      timeout_s: flags.timeout,
      concurrency_key: flags.key,
      requires: flags.requires,
    },
    ...(flags.idempotencyKey !== undefined && { idempotencyKey: flags.idempotencyKey }),
  });
  if (flags.wait === true) {
    const ended = await waitForJob(client, job.id);
    show(flags, ended, () => jobText(ended));
    if (ended.state !== "succeeded") process.exitCode = 1;
    return;
  }
  show(
    flags,
    job,
    () => `Job ${job.id} is ${job.state} in queue ${clean(job.queue)}. See it with: orrery jobs show ${job.id}\n`,
  );
}

function cancelCommand(): Command {
  return apiCommand("cancel", "cancel a job: what runs is stopped", ["orrery jobs cancel $ID"])
    .argument("<id>", "the job")
    .action(async (id: string, flags: ApiFlags) => {
      const job = await clientOf(flags).send<Job>("PUT", `${jobPath(id)}/cancel`);
      show(flags, job, () => `Job ${job.id} is ${job.state}.\n`);
    });
}

function replayCommand(): Command {
  return apiCommand("replay", "enqueue a job anew, as it was", [
    "orrery jobs replay $ID",
    "orrery jobs replay $ID --queue slow",
  ])
    .argument("<id>", "the job")
    .option("-q, --queue <name>", "into another queue")
    .option("--at <date>", "not before, such as 2026-01-31T10:00:00Z")
    .action(async (id: string, flags: ApiFlags & { queue?: string; at?: string }) => {
      const job = await clientOf(flags).send<Job>("POST", `${jobPath(id)}/replay`, {
        body: { queue: flags.queue, run_at: flags.at },
      });
      show(flags, job, () => `Job ${job.id} is ${job.state}: a replay of ${id}.\n`);
    });
}

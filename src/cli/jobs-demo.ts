/** `orrery jobs demo`: a small story on a real server: a job that succeeds, one that fails until it is a dead letter, and its redrive. */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { type ApiFlags, apiCommand, clientOf, show } from "./api-command.ts";
import type { Client } from "./client.ts";
import { AnswerError, CommandError } from "./exit.ts";
import { explainJobText, timelineText } from "./job-story.ts";
import { waitForJob } from "./job-wait.ts";
import type { Explained, Job, TimelineEntry } from "./shapes.ts";
import { painted } from "./words.ts";

const defaultType = "demo-delivery";
/** Long enough for two attempts with their backoff, so that both find the archive closed. */
const closedMs = 4_000;
const attempts = 2;

interface DemoFlags extends ApiFlags {
  readonly type: string;
  readonly queue: string;
}

export function jobsDemoCommand(): Command {
  return apiCommand("demo", "play a small story: succeed, fail and be a dead letter, be redriven", [
    "orrery jobs demo",
    "orrery jobs demo --json",
  ])
    .option(
      "-t, --type <name>",
      "a job type that fails while now is before the payload's `opens_at`, as the example mission's",
      defaultType,
    )
    .option("-q, --queue <name>", "the queue", "demo")
    .action(demo);
}

async function demo(flags: DemoFlags): Promise<void> {
  const client = clientOf(flags);
  const tell = (text: string): void => {
    if (flags.json !== true) process.stdout.write(text);
  };
  const step = (text: string): void => tell(`\n${painted(text, "bold")}\n`);

  step("1. A job that succeeds");
  const good = await waitForJob(client, await enqueue(client, flags, { what: "orbit.csv" }), stateTo(tell));
  step("2. A job whose archive is closed: every attempt fails");
  const opensAt = new Date(Date.now() + closedMs).toISOString();
  const badId = await enqueue(client, flags, { what: "map.png", opens_at: opensAt });
  const dead = await waitForJob(client, badId, stateTo(tell));
  if (dead.state !== "dead")
    throw new CommandError(
      `Job ${dead.id} of type "${flags.type}" is ${dead.state} although its archive was closed: name a type that heeds \`opens_at\``,
    );
  tell(explainJobText(await client.get<Explained>(`/job/${dead.id}/explain`)));
  step("3. Its story");
  tell(timelineText((await client.get<{ entries: TimelineEntry[] }>(`/job/${dead.id}/timeline`)).entries, false));
  step("4. The archive opens, and the dead letter is redriven");
  await sleep(Math.max(Date.parse(opensAt) - Date.now(), 0));
  const { redriven } = await client.send<{ redriven: { id: string; as: string | null }[] }>("POST", "/dlq/redrive", {
    body: { ids: [dead.id] },
  });
  const again = redriven[0]?.as;
  if (!again) throw new CommandError(`Job ${dead.id} was not redriven: see \`orrery dlq list\``);
  const redrivenJob = await waitForJob(client, again, stateTo(tell));
  const isAsTold = good.state === "succeeded" && redrivenJob.state === "succeeded";
  const ids = { succeeded: good.id, dead: dead.id, redriven_as: redrivenJob.id };
  show(flags, { ...ids, ok: isAsTold }, () => `\nMore of it: orrery jobs timeline ${dead.id}\n`);
  if (!isAsTold) process.exitCode = 1;
}

async function enqueue(client: Client, { type, queue }: DemoFlags, payload: object): Promise<string> {
  try {
    const body = { job_type: type, queue, payload, max_attempts: attempts };
    return (await client.send<Job>("POST", "/job", { body })).id;
  } catch (error) {
    if (!(error instanceof AnswerError) || error.code !== "UNKNOWN_JOB_TYPE") throw error;
    const known = Array.isArray(error.members.known) ? ` It knows ${error.members.known.join(", ")}.` : "";
    throw new CommandError(
      `The server has no job type "${type}": start it with the example mission (\`orrery serve --example\`), or name one with --type.${known}`,
    );
  }
}

const stateTo =
  (tell: (text: string) => void) =>
  (job: Job): void =>
    tell(`   ${job.id} is ${job.state}\n`);

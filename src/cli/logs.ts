/** `orrery logs JOB [-f]`: what a job printed, so far or as it comes. */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { type ApiFlags, apiCommand, clientOf } from "./api-command.ts";
import type { Client } from "./client.ts";
import { AnswerError, CommandError, exitCodes } from "./exit.ts";
import { jobPath } from "./job-path.ts";
import type { TimelineEntry } from "./shapes.ts";
import { cleanLines } from "./words.ts";

interface LogLine {
  readonly token: number;
  readonly part: number;
  readonly text: string;
}

/** A server that restarts drops its streams: they are taken up again, a few times in a row. */
const reconnectsMax = 10;

export function logsCommand(): Command {
  return apiCommand("logs", "print what a job printed; with -f until it ends", [
    "orrery logs $JOB",
    "orrery logs $JOB -f",
    "orrery logs $JOB -f --json | jq -r .text",
  ])
    .argument("<job>", "the job")
    .option("-f, --follow", "go on as more comes; ends with the job, and with 1 when it did not succeed")
    .option("--raw", "as it was printed, control characters too")
    .action(async (job: string, flags: ApiFlags & { follow?: boolean; raw?: boolean }) => {
      const client = clientOf(flags);
      const path = `${jobPath(job)}/log`;
      const shown = (text: string): string => (flags.raw === true ? text : cleanLines(text));
      if (flags.follow !== true) {
        const text = (await client.text(path)) || (await keptOutput(client, job));
        process.stdout.write(flags.json === true ? `${JSON.stringify({ id: job, text })}\n` : shown(text));
        return;
      }
      let isSilent = true;
      const state = await follow(client, path, (line) => {
        isSilent = false;
        process.stdout.write(flags.json === true ? `${JSON.stringify(line)}\n` : shown(line.text));
      });
      if (isSilent && flags.json !== true) process.stdout.write(shown(await keptOutput(client, job)));
      if (flags.json === true) process.stdout.write(`${JSON.stringify({ id: job, state })}\n`);
      if (state !== "succeeded") process.exitCode = exitCodes.failed;
    });
}

/** What a quick attempt prints is no live log: it is kept with the attempt. */
async function keptOutput(client: Client, job: string): Promise<string> {
  const path = jobPath(job);
  const { entries } = await client.get<{ entries: readonly TimelineEntry[] }>(`${path}/timeline`);
  let text = "";
  for (const { kind, token } of entries)
    if (kind === "attempt" && token !== undefined) text += await client.text(`${path}/attempt/${token}/output`);
  return text;
}

/** The job's state at its end. A stream that is taken up again begins anew: what was printed before is passed over. */
async function follow(client: Client, path: string, print: (line: LogLine) => void): Promise<string> {
  let last: LogLine | null = null;
  for (let failures = 0; ; ) {
    try {
      for await (const { event, data } of client.events(path, { follow: true }, new AbortController().signal)) {
        if (event === "end") return (JSON.parse(data) as { state: string }).state; // the route's document says so
        if (event !== "line") continue;
        const line = JSON.parse(data) as LogLine; // likewise
        if (last !== null && (line.token < last.token || (line.token === last.token && line.part <= last.part)))
          continue;
        last = line;
        failures = 0;
        print(line);
      }
    } catch (error) {
      if (error instanceof AnswerError && error.status !== 503) throw error;
      if (failures >= reconnectsMax) throw error;
    }
    failures += 1;
    if (failures > reconnectsMax)
      throw new CommandError("The server ends the log's stream again and again: try later", exitCodes.unavailable);
    await sleep(Math.min(failures * 250, 2000));
  }
}

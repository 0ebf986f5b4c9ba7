/** What happened to a job, in order, and why it is where it is. */
import type { Command } from "commander";
import { type ApiFlags, apiCommand, clientOf, show } from "./api-command.ts";
import { jobAdvice } from "./job-advice.ts";
import { jobPath } from "./job-path.ts";
import type { Explained, TimelineEntry } from "./shapes.ts";
import { details } from "./table.ts";
import { type Colour, clean, cleanLines, colourOfState, duration, moment, painted } from "./words.ts";

export function jobTimelineCommand(): Command {
  return apiCommand("timeline", "tell a job's story: enqueued, held back, leased, tried, ended", [
    "orrery jobs timeline $ID",
  ])
    .argument("<id>", "the job")
    .option("--output", "with the last lines that each attempt printed")
    .action(async (id: string, flags: ApiFlags & { output?: boolean }) => {
      const story = await clientOf(flags).get<{ id: string; entries: TimelineEntry[] }>(`${jobPath(id)}/timeline`);
      show(flags, story, () => timelineText(story.entries, flags.output === true));
    });
}

export function timelineText(entries: readonly TimelineEntry[], withOutput: boolean): string {
  let beforeMs: number | null = null;
  let text = "";
  for (const entry of entries) {
    const atMs = Date.parse(entry.at);
    const since = beforeMs === null ? "" : `+${duration(Math.max(atMs - beforeMs, 0))}`;
    beforeMs = atMs;
    const time = new Date(atMs).toISOString().slice(11, 23);
    const what = painted(clean(entry.title), colourOf(entry));
    const facts = [
      entry.latency_ms === null || entry.latency_ms === undefined ? null : `took ${duration(entry.latency_ms)}`,
      entry.worker ? `on ${clean(entry.worker)}` : null,
      entry.code && !entry.title.includes(entry.code) ? `code ${clean(entry.code)}` : null,
      entry.error ? clean(entry.error) : null,
    ].filter((fact) => fact !== null && !entry.title.includes(fact));
    text += `${painted(time, "dim")}  ${since.padStart(9)}  ${what}${facts.length > 0 ? `: ${facts.join(", ")}` : ""}\n`;
    if (withOutput && entry.output_tail)
      text += cleanLines(entry.output_tail.trimEnd())
        .split("\n")
        .map((line) => `                         │ ${line}\n`)
        .join("");
  }
  return text;
}

function colourOf({ kind, outcome }: TimelineEntry): Colour {
  if (kind === "decision") return "yellow";
  if (kind === "attempt") return outcome === "succeeded" ? "green" : outcome ? "red" : "blue";
  return "plain";
}

export function explainJobCommand(): Command {
  return apiCommand("explain", "say why a job is where it is, and what to do", ["orrery jobs explain $ID"])
    .argument("<id>", "the job")
    .action(async (id: string, flags: ApiFlags) => {
      const found = await clientOf(flags).get<Explained>(`${jobPath(id)}/explain`);
      show(flags, found, () => explainJobText(found));
    });
}

export const explainJobText = (found: Explained): string =>
  explainText({ ...found, suggested_action: jobAdvice(found) });

export function explainText(found: Explained): string {
  return details([
    ["state", painted(found.state, colourOfState(found.state))],
    ["summary", clean(found.summary)],
    ["blocked by", blockedText(found.blocked_by)],
    ["next run", found.next_run_at && moment(found.next_run_at)],
    ["last error", clean(found.last_error)],
    ["job", found.job_id],
    ["what to do", clean(found.suggested_action)],
  ]);
}

function blockedText(blocked: Explained["blocked_by"]): string | null {
  if (blocked === null || blocked === undefined) return null;
  if (!Array.isArray(blocked)) {
    const { code, ...where } = blocked as Readonly<Record<string, unknown>>; // not the list: isArray does not see a readonly one
    const facts = Object.entries(where).map(([name, value]) => `${name} ${clean(value)}`);
    return `${clean(code)}${facts.length > 0 ? ` (${facts.join(", ")})` : ""}`;
  }
  return blocked
    .map(({ name, state, since }) => {
      const known = since ? ` since ${moment(since)}` : "";
      return `${clean(name)} (${painted(state, colourOfState(state))}${known})`;
    })
    .join(", ");
}

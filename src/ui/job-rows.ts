/** Jobs as rows, and the words about one that other pages share. */
import { epochMsOf } from "../model/clock.ts";
import type { JobSummary } from "../model/job-view.ts";
import { escapeHtml, stateMarkup, timeMarkup } from "./markup.ts";
import { type Row, tableCard } from "./tabs.tsx";

const columns = ["Job", "State", "Type", "Queue", "#Attempt", "Enqueued", "Ended or due", "What is known"];

export function jobTable(jobs: readonly JobSummary[], nowMs: number): string {
  return tableCard(
    "Jobs",
    columns,
    jobs.map((job) => jobRow(job, nowMs)),
    "jobs",
  );
}

function jobRow(job: JobSummary, nowMs: number): Row {
  return {
    id: `job-${job.jobId}`,
    cells: [
      jobLink(job.jobId),
      stateMarkup(job.state),
      escapeHtml(job.jobType),
      queueLink(job.queue),
      `${job.attempt}/${job.attemptsMax}`,
      timeMarkup(job.createdAt, nowMs),
      timeMarkup(job.finishedAt ?? job.runAt, nowMs),
      `<span class="known">${knownOf(job)}</span>`,
    ],
  };
}

export const jobLink = (jobId: string): string => `<a class="id" href="/job/${jobId}">${jobId}</a>`;

export function queueLink(queue: string): string {
  const query = escapeHtml(new URLSearchParams({ queue }).toString());
  return `<a href="/job/list?${query}">${escapeHtml(queue)}</a>`;
}

/** In a line: what went wrong, what it waits for, or who has it. */
function knownOf({ error, reason, heldBy, workerId, state, redrivenAs }: JobSummary): string {
  if (redrivenAs !== null) return `${escapeHtml(reason ?? "")}, redriven`;
  if (error !== null) return escapeHtml(error.slice(0, 300));
  if (reason !== null) return escapeHtml(reason);
  if (heldBy !== null) return `held by ${escapeHtml(heldBy)}`;
  return workerId !== null && (state === "running" || state === "leased") ? `on ${escapeHtml(workerId)}` : "";
}

/** How long something took, to three digits: `7.00 ms`, `1.24 s`. */
export function latency(ms: number): string {
  if (ms < 1000) return `${ms < 100 ? ms.toPrecision(2) : Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1000).toPrecision(3)} s` : `${(ms / 60_000).toFixed(1)} min`;
}

/** Of an attempt or a whole job; null when either end is not known. */
export function tookMs(from: string | null, to: string | null): number | null {
  return from === null || to === null ? null : Math.max(0, epochMsOf(to) - epochMsOf(from));
}

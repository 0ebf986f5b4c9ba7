/** What happened to a job, as a story: a line an entry, with what is known of each. */
import type { Entry } from "../http/job-timeline.ts";
import type { JobView } from "../model/job-view.ts";
import { count } from "./figures.ts";
import { latency } from "./job-rows.ts";
import { escapeHtml, timeMarkup } from "./markup.ts";

/** Of a job that was tried a thousand times, the first and the last entries. */
const entriesMax = 200;

export function storyMarkup(job: JobView, entries: readonly Entry[], nowMs: number): string {
  const left = entries.length - entriesMax;
  const shown = left <= 0 ? entries : [...entries.slice(0, 20), ...entries.slice(-(entriesMax - 20))];
  const items = shown.map((entry) => item(job, entry, nowMs));
  if (left > 0) {
    items.splice(
      20,
      0,
      `<li class="gap muted">${count(left)} more: <a href="/api/job/${job.jobId}/timeline">all of them</a></li>`,
    );
  }
  return `<ol class="card job-story">${items.join("")}</ol>`;
}

function item(job: JobView, entry: Entry, nowMs: number): string {
  const { at, kind } = entry;
  return (
    `<li class="${toneOf(entry)}" data-kind="${kind}">${timeMarkup(at, nowMs)}<div><p>${linked(titleOf(entry))}` +
    `${took(entry)}</p>${detail(job, entry)}</div></li>`
  );
}

/** The class of its mark. */
function toneOf(entry: Entry): string {
  if (entry.kind === "attempt") {
    if (entry.outcome === "succeeded") return "succeeded";
    return entry.outcome === "failed" ? "failed" : "missed";
  }
  if (entry.kind === "ended") return typeof entry.state === "string" ? entry.state : "waiting";
  if (entry.kind === "decision")
    return entry.decision_kind === "policy" || entry.code !== "ACCEPTED" ? "warning" : "waiting";
  return entry.kind === "leased" ? "running" : "queued";
}

/** The error of an attempt is shown below it, whole. */
function titleOf({ kind, title, error, code, detail }: Entry): string {
  if (code === "ACCEPTED") return `Let in: ${detail}`;
  if (kind !== "attempt" || typeof error !== "string") return title;
  const end = title.lastIndexOf(`, ${error.slice(0, 200)}`);
  return end < 0 ? title : title.slice(0, end);
}

const namedJob = /\b(job|redrive of) ([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/g;

/** Other jobs in it lead there. */
const linked = (title: string): string =>
  escapeHtml(title).replaceAll(namedJob, '$1 <a class="id" href="/job/$2">$2</a>');

const took = ({ latency_ms: ms }: Entry): string =>
  typeof ms === "number" ? ` <span class="muted">in ${latency(ms)}</span>` : "";

function detail({ jobId }: JobView, { kind, error, output_tail: tail, token }: Entry): string {
  if (kind !== "attempt") return "";
  const fault = typeof error === "string" ? `<p class="reason">${escapeHtml(error)}</p>` : "";
  if (typeof tail !== "string" || tail === "") return fault;
  return (
    `${fault}<details id="output-${token}"><summary>The end of its output</summary><pre tabindex="0">${escapeHtml(tail)}</pre>` +
    `<p><a href="/api/job/${jobId}/attempt/${token}/output">All of it</a></p></details>`
  );
}

/** @jsxImportSource hono/jsx */
/** The page of one job: why it is where it is, its story, its log as it comes, what it was given and what came of it. */

import type { z } from "@hono/zod-openapi";
import { raw } from "hono/html";
import type { Explanation } from "../http/job-schemas.ts";
import type { Entry } from "../http/job-timeline.ts";
import type { JobView } from "../model/job-view.ts";
import { type Action, actionsMarkup } from "./actions.ts";
import { jobLink, latency, queueLink, tookMs } from "./job-rows.ts";
import { storyMarkup } from "./job-story.ts";
import { jsonMarkup } from "./json-markup.ts";
import { Crumbs, document } from "./layout.tsx";
import type { Look } from "./look.ts";
import { escapeHtml, exactTime, type Fact, factsMarkup, stateMarkup, timeMarkup } from "./markup.ts";
import { livePart } from "./tabs.tsx";

export interface ShownJob {
  readonly job: JobView;
  /** What it was given and what came of it: a product's is with its plan, as long as this is its job. */
  readonly payload: string | null;
  readonly result: string | null;
  readonly entries: readonly Entry[];
  readonly explanation: z.output<typeof Explanation>;
}

export function jobPage(shown: ShownJob, look: Look): string {
  const { jobId } = shown.job;
  return document(
    { section: "jobs", look, islands: ["part.js", "act.js", "job.js"] },
    String(
      <>
        <Crumbs
          trail={[
            ["Queues", "/job"],
            ["Jobs", "/job/list"],
            ["Job", `/job/${jobId}`],
          ]}
          isLive
        />
        {raw(livePart(jobPart(shown, look), look))}
        <div class="block">
          <h2 id="log_title">Log</h2>
          <pre
            class="card job-log"
            id="log_text"
            data-job={jobId}
            role="log"
            aria-labelledby="log_title"
            tabindex={0}
            hidden
          />
          <p class="muted" id="log_note">
            <a href={`/api/job/${jobId}/log`}>All that it printed, as text</a>
          </p>
        </div>
      </>,
    ),
  );
}

/** Everything but the log, which comes by itself. */
export function jobPart({ job, payload, result, entries, explanation }: ShownJob, look: Look): string {
  const isProduct = job.datasetId !== null;
  const whole = isProduct ? `/api/data_product/${job.datasetId}/${job.productId}` : `/api/job/${job.jobId}`;
  const reason = job.reason === null ? "" : `<span class="muted">${escapeHtml(job.reason)}</span>`;
  return (
    `<div class="title"><h1>${escapeHtml(job.jobType)}</h1>${stateMarkup(job.state)}${reason}<span class="spacer"></span>` +
    `${actionsOf(job, look)}</div>` +
    `<dl class="facts">${facts(job, look.nowMs)}</dl>` +
    `<div class="block card padded explain"><p><strong>${readable(explanation.summary)}</strong></p>${advice(explanation)}</div>` +
    `<div class="block"><h2>What happened</h2>${storyMarkup(job, entries, look.nowMs)}</div>` +
    jsonCards(
      [
        [isProduct ? "Passthrough" : "Payload", payload],
        [isProduct ? "Passback" : "Result", result],
      ],
      whole,
    )
  );
}

const instant = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00/g;

/** A sentence of ours whose instants are written for people. */
const readable = (sentence: string): string =>
  escapeHtml(sentence).replaceAll(instant, (found) => `<span class="figure">${exactTime(found)}</span>`);

function advice({ last_error, blocked_by, suggested_action }: ShownJob["explanation"]): string {
  const error = last_error === null ? "" : `<p class="reason">${escapeHtml(last_error)}</p>`;
  const blocked = blocked_by === null ? "" : `<p class="muted">Held by <code>${escapeHtml(blocked_by.code)}</code></p>`;
  const action =
    suggested_action === null ? "" : `<p class="advice"><span>What to do</span> ${adviceMarkup(suggested_action)}</p>`;
  return error + blocked + action;
}

const request = /\b(?:PUT|POST|DELETE) \/api\/.*$/;

/** The request in it, if there is one, as code. */
function adviceMarkup(action: string): string {
  const found = request.exec(action);
  if (found === null) return escapeHtml(action);
  return `${escapeHtml(action.slice(0, found.index))}<code>${escapeHtml(found[0])}</code>`;
}

function actionsOf(job: JobView, look: Look): string {
  // A product's job is steered by its plan.
  if (job.datasetId !== null) {
    return `<span class="muted needs">A product's: steer it on <a href="/plan/${job.datasetId}#product-${job.productId}">its plan</a></span>`;
  }
  const { jobId, jobType, queue, state, finishedAt } = job;
  const what = `${jobType}, ${state}, in queue ${queue} (${jobId}).`;
  const actions: Action[] = [];
  if (finishedAt === null) {
    actions.push({
      name: "Cancel",
      method: "PUT",
      url: `/api/job/${jobId}/cancel`,
      title: "Cancel this job?",
      text: `${what} ${state === "running" ? "It is ended where it runs; what it did stays as evidence." : "It will not run."}`,
      confirm: "Cancel the job",
      isGrave: true,
    });
  }
  actions.push({
    name: "Replay",
    method: "POST",
    url: `/api/job/${jobId}/replay`,
    body: {},
    title: "Enqueue a new job like this one?",
    text: `${what} The new one has its payload and settings, and is due now. This one stays as it is.`,
    confirm: "Replay",
    leadsTo: "/job/{id}",
  });
  if (state === "dead" && job.redrivenAs === null) {
    actions.push({
      name: "Redrive",
      method: "POST",
      url: "/api/dlq/redrive",
      body: { ids: [jobId] },
      title: "Redrive this dead letter?",
      text: `${what} A new job takes its place, and it is no dead letter any more.`,
      confirm: "Redrive",
    });
  }
  return actionsMarkup(look, "operate", finishedAt === null ? "cancel or replay it" : "replay it", actions);
}

function facts(job: JobView, nowMs: number): string {
  const took = tookMs(job.startedAt, job.finishedAt);
  const facts: Fact[] = [
    ["Job ID", `<span class="id">${job.jobId}</span>`],
    ["Queue", queueLink(job.queue)],
    ["Attempt", `${job.attempt} of ${job.attemptsMax}`],
    ["Enqueued", `${timeMarkup(job.createdAt, nowMs)} by ${escapeHtml(job.createdBy)}`],
    ["Due", job.finishedAt === null ? timeMarkup(job.runAt, nowMs) : null],
    ["Begun", job.startedAt === null ? null : timeMarkup(job.startedAt, nowMs)],
    ["Ended", job.finishedAt === null ? null : timeMarkup(job.finishedAt, nowMs)],
    ["Last attempt took", took === null ? null : latency(took)],
    [
      "Worker",
      job.workerId === null
        ? null
        : `<a class="id" href="/worker#worker-${escapeHtml(job.workerId)}">${escapeHtml(job.workerId)}</a>`,
    ],
    ["Priority", job.priority === 0 ? null : String(job.priority)],
    ["Concurrency key", job.concurrencyKey === null ? null : escapeHtml(job.concurrencyKey)],
    ["Labels needed", job.requires.length === 0 ? null : escapeHtml(job.requires.join(", "))],
    ["Repeats", job.replayOf === null ? null : jobLink(job.replayOf)],
    ["Redriven as", job.redrivenAs === null || job.redrivenAs === job.jobId ? null : jobLink(job.redrivenAs)],
    ["Plan", job.datasetId === null ? null : `<a class="id" href="/plan/${job.datasetId}">${job.datasetId}</a>`],
    [
      "Product",
      job.productId === null
        ? null
        : `<a class="id" href="/plan/${job.datasetId}#product-${job.productId}">${job.productId}</a>`,
    ],
  ];
  return factsMarkup(facts);
}

/** What is longer is cut: it is read elsewhere. */
const jsonLengthMax = 100_000;

/** Those that there are, side by side. `whole`: where all of it is. */
function jsonCards(named: readonly (readonly [string, string | null])[], whole: string): string {
  const cards = named.flatMap(([name, json]) => {
    if (json === null) return [];
    const isCut = json.length > jsonLengthMax;
    const rest = isCut ? `<p class="muted">Cut here: <a href="${whole}">all of it</a></p>` : "";
    const shown = jsonMarkup(isCut ? json.slice(0, jsonLengthMax) : json);
    return `<div><h2>${name}</h2><section class="card json" aria-label="${name}" tabindex="0">${shown}</section>${rest}</div>`;
  });
  return cards.length === 0 ? "" : `<div class="block pair">${cards.join("")}</div>`;
}

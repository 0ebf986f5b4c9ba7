/** @jsxImportSource hono/jsx */
/** Dead letters: of what they died, in which queue, and each of them; redriven one by one or all that a filter finds. */
import type { FC } from "hono/jsx";
import type { JobSummary } from "../model/job-view.ts";
import type { DeadFilter, DeadReason } from "../store/dead-letters.ts";
import { may, needsRole } from "./actions.ts";
import { count } from "./figures.ts";
import { ChoiceFilter, FilterForm, TextFilter } from "./filter-form.tsx";
import { jobLink, queueLink } from "./job-rows.ts";
import type { Look } from "./look.ts";
import { escapeHtml, timeMarkup } from "./markup.ts";
import { emptyCard, olderLink, tabbedPage, tableCard } from "./tabs.tsx";

export interface DeadLetters {
  readonly filter: DeadFilter;
  readonly groups: readonly DeadReason[];
  readonly jobs: readonly JobSummary[];
  readonly total: number;
  /** Counted up to here. */
  readonly totalMax: number;
  readonly nextCursor: string | null;
}

/** The groups that are shown; the rest is over the API. */
const groupsMax = 100;

export function deadLetterPage(letters: DeadLetters, look: Look): string {
  const head = <Filter {...letters.filter} />;
  const part = deadLetterPart(letters, look);
  return tabbedPage(
    { section: "jobs", tab: "/dead-letter", title: "Dead letters", islands: ["redrive.js"], head, part },
    look,
  );
}

const Filter: FC<DeadFilter> = ({ queue, jobType, reason }) => (
  <FilterForm action="/dead-letter">
    <TextFilter label="Queue" name="queue" value={queue} />
    <TextFilter label="Type" name="job_type" value={jobType} />
    <ChoiceFilter label="Reason" name="reason" value={reason} choices={Object.entries(deathWords)} />
    <button type="submit">Filter</button>
  </FilterForm>
);

const deathWords: Readonly<Record<string, string>> = {
  attempts_exhausted: "all attempts failed",
  not_retryable: "not worth another attempt",
  lease_lost: "workers lost before it began",
};

const wordsOf = (reason: string | null): string => (reason === null ? "" : (deathWords[reason] ?? reason));

export function deadLetterPart(letters: DeadLetters, look: Look): string {
  const { filter, groups, jobs, total, totalMax, nextCursor } = letters;
  const query = queryOf(filter);
  if (groups.length === 0) {
    return emptyCard(
      "No dead letters",
      "A job whose attempts all failed comes here, and stays until it is redriven. There is nothing to do.",
    );
  }
  const mayRedrive = may(look, "operate");
  const rows = groups.slice(0, groupsMax).map((group) => groupRow(group, mayRedrive));
  const columns = ["Reason", "Queue", "Type", "#Dead", ""];
  const head = `<div class="block"><h2>By reason and queue</h2>${tableCard("Dead letters by reason and queue", columns, rows, "groups")}</div>`;
  const shown = `${count(total)}${total >= totalMax ? "+" : ""}`;
  const found = jobs.length === 0 ? emptyCard("None of this filter", '<a href="/dead-letter">All of them</a>') : "";
  const action = mayRedrive
    ? redriveButton(
        `Redrive ${total === 1 ? "it" : `all ${shown}`}`,
        { filter: named(filter) },
        `${shown} dead letters${ofFilter(filter)}. ${replaced}`,
      )
    : needsRole(look, "operate", "redrive them");
  return (
    `${head}<div class="block"><div class="title"><h2>Each, the newest first</h2><span class="muted">${shown}</span>` +
    `<span class="spacer"></span>${jobs.length === 0 ? "" : action}</div>` +
    `${found || deadTable(jobs, look, mayRedrive)}` +
    `${olderLink("/dead-letter", nextCursor === null ? null : `${query}&cursor=${nextCursor}`, "Older ones")}</div>`
  );
}

function groupRow({ reason, jobType, queue, count: dead }: DeadReason, mayRedrive: boolean) {
  const filter = { queue, jobType, reason };
  const words = wordsOf(reason);
  return {
    cells: [
      `<a href="/dead-letter?${escapeHtml(queryOf(filter))}">${escapeHtml(words)}</a>`,
      queueLink(queue),
      escapeHtml(jobType),
      `<strong>${count(dead)}</strong>`,
      mayRedrive
        ? redriveButton(
            "Redrive",
            { filter: named(filter) },
            `${count(dead)} dead letters${ofFilter(filter)}. ${replaced}`,
          )
        : "",
    ],
  };
}

function deadTable(jobs: readonly JobSummary[], look: Look, mayRedrive: boolean): string {
  const rows = jobs.map((job) => ({
    id: `job-${job.jobId}`,
    cells: [
      jobLink(job.jobId),
      escapeHtml(job.jobType),
      queueLink(job.queue),
      escapeHtml(wordsOf(job.reason)),
      `<span class="known">${escapeHtml(job.error?.slice(0, 300) ?? "")}</span>`,
      job.finishedAt === null ? "" : timeMarkup(job.finishedAt, look.nowMs),
      job.datasetId === null ? "" : `<a href="/plan/${job.datasetId}#product-${job.productId}">plan</a>`,
      mayRedrive ? redriveButton("Redrive", { ids: [job.jobId] }, oneOf(job)) : "",
    ],
  }));
  return tableCard(
    "Dead letters",
    ["Job", "Type", "Queue", "Reason", "Error", "Died", "Product", ""],
    rows,
    "dead-jobs",
  );
}

const replaced = "Each gets a new job in its place; of a data product's the product is cleared.";

const oneOf = ({ jobId, jobType, queue, datasetId }: JobSummary): string =>
  `${jobType} in queue ${queue} (${jobId}). ${
    datasetId === null
      ? "A new job like it takes its place."
      : "It is a data product's: the product is cleared, and all behind it."
  }`;

function redriveButton(name: string, which: object, text: string): string {
  const data = { redrive: JSON.stringify(which), title: "Redrive dead letters?", text };
  const attributes = Object.entries(data).map(([key, value]) => ` data-${key}="${escapeHtml(value)}"`);
  return `<button type="button" class="act"${attributes.join("")}>${name}</button>`;
}

/** As the API names it. */
function named({ queue, jobType, reason }: DeadFilter): Record<string, string> {
  return {
    ...(queue !== null && { queue }),
    ...(jobType !== null && { job_type: jobType }),
    ...(reason !== null && { reason }),
  };
}

const queryOf = (filter: DeadFilter): string => new URLSearchParams(named(filter)).toString();

function ofFilter({ queue, jobType, reason }: DeadFilter): string {
  const of = [
    queue === null ? "" : ` in queue ${queue}`,
    jobType === null ? "" : ` of type ${jobType}`,
    reason === null ? "" : ` (${wordsOf(reason)})`,
  ];
  return of.join("");
}

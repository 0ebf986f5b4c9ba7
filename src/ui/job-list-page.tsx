/** @jsxImportSource hono/jsx */
/** The list of jobs, the newest first, with its filter. */
import type { FC } from "hono/jsx";
import type { DatasetId } from "../model/ids.ts";
import { type JobState, jobStates } from "../model/job.ts";
import type { JobSummary } from "../model/job-view.ts";
import { ChoiceFilter, FilterForm, TextFilter } from "./filter-form.tsx";
import { jobTable } from "./job-rows.ts";
import type { Look } from "./look.ts";
import { emptyCard, olderLink, tabbedPage } from "./tabs.tsx";

export interface JobPage {
  readonly queue: string | null;
  readonly jobType: string | null;
  readonly state: JobState | null;
  /** Only a plan's, that is, a run's. */
  readonly datasetId: DatasetId | null;
  /** Null: finding them took too long. */
  readonly jobs: readonly JobSummary[] | null;
  readonly nextCursor: string | null;
  readonly isFirst: boolean;
}

export function jobListPage(page: JobPage, look: Look): string {
  const part = jobListPart(page, look);
  return tabbedPage({ section: "jobs", tab: "/job/list", title: "Jobs", head: <Filter {...page} />, part }, look);
}

const Filter: FC<JobPage> = ({ queue, jobType, state, datasetId }) => (
  <FilterForm action="/job/list">
    {datasetId === null ? null : <input type="hidden" name="dataset_id" value={datasetId} />}
    <TextFilter label="Queue" name="queue" value={queue} />
    <TextFilter label="Type" name="job_type" value={jobType} />
    <ChoiceFilter label="State" name="state" value={state} choices={jobStates.map((known) => [known, known])} />
    <button type="submit">Filter</button>
    {datasetId === null ? null : (
      <span class="muted">
        of <a href={`/plan/${datasetId}`}>one plan</a>, or <a href="/job/list">of all</a>
      </span>
    )}
  </FilterForm>
);

export function jobListPart({ jobs, nextCursor, ...page }: JobPage, look: Look): string {
  const { queue, jobType, state, datasetId, isFirst } = page;
  if (jobs === null) {
    return emptyCard(
      "It took too long to find them",
      "Hardly any job matches this filter, and many had to be looked at. Name a queue too, or another state.",
    );
  }
  const isFiltered = [queue, jobType, state, datasetId].some((asked) => asked !== null);
  if (jobs.length === 0) {
    if (!isFirst) return emptyCard("No older jobs", '<a href="/job/list">The newest ones</a>');
    return isFiltered
      ? emptyCard("No job matches", 'Try fewer words, or look at <a href="/job/list">all of them</a>.')
      : emptyCard(
          "No jobs yet",
          'A plan\'s products make them, and so does <code>POST /api/job</code>: the <a href="/swagger">API</a> shows how.',
        );
  }
  const query = new URLSearchParams({
    ...(queue !== null && { queue }),
    ...(jobType !== null && { job_type: jobType }),
    ...(state !== null && { state }),
    ...(datasetId !== null && { dataset_id: datasetId }),
    ...(nextCursor !== null && { cursor: nextCursor }),
  });
  return (
    jobTable(jobs, look.nowMs) + olderLink("/job/list", nextCursor === null ? null : query.toString(), "Older jobs")
  );
}

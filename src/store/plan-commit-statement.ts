/**
 * The text of the group commit: one statement, put together of the parts that a batch has rows for, kept for the next batch
 * of the same kind. Order of locks: dataset rows, sorted by id; new dataset rows, sorted; then jobs, sorted. `won` are the
 * datasets whose revision was the expected one and whose jobs' leases are current.
 */
import { type ColumnTypes, parameterCount, parameterTable } from "./parameter-table.ts";
import { commitParts, isWon } from "./plan-commit-parts.ts";

const stepColumns = { dataset_id: "uuid", base: "bigint", next: "bigint", modified_at: "timestamptz" };
const head = `step as materialized (select * from $* as s),
    held as materialized (
      select h.dataset_id from step join dataset_head h on h.dataset_id = step.dataset_id and h.revision = step.base
      where step.base > 0 order by h.dataset_id for update of h),
    created as (
      insert into dataset_head (dataset_id, revision, modified_at)
      select dataset_id, next, modified_at from step
      where base = 0 and next > 0 and (select count(*) from held) >= 0 order by dataset_id
      on conflict (dataset_id) do nothing returning dataset_id),
    absent as (
      select dataset_id from step where base = 0 and next = 0
        and not exists (select 1 from dataset_head h where h.dataset_id = step.dataset_id))`;

const own = `select dataset_id from held union all select dataset_id from created union all select dataset_id from absent`;
const won = `won as materialized (${own})`;
const wonWithLeases = `won as materialized (
      select dataset_id from (${own}) as own where (dataset_id in (select dataset_id from superseded)) is not true)`;

const moveHead = `move_head as (
      update dataset_head h set revision = step.next, modified_at = coalesce(step.modified_at, h.modified_at)
      from step where h.dataset_id = step.dataset_id and step.base > 0 and step.next > step.base
        and ${isWon("step.")})`;

/** What becomes of the jobs in `own_job`: each is found by its key, which the array says even to a plan made on an empty table. */
const moveJobs = `keep_job as (
      update job set
        state = case when m.state = 'queued' and m.run_in_ms > 0 then 'backing-off' else m.state end,
        attempt = m.attempt, returned = job.returned + m.gives_back::int, started_at = m.started_at,
        run_at = case when m.state = 'queued' then clock_timestamp() + m.run_in_ms * interval '1 millisecond' else job.run_at end,
        lease_until = case when m.state = 'leased' then job.lease_until end,
        worker_id = case when m.state = 'leased' then job.worker_id end
      from own_job m where job.job_id = m.job_id and m.state in ('leased', 'queued') and ${isWon("m.")}
        and job.job_id = any(array(select job_id from own_job where state in ('leased', 'queued')))),
    ended as materialized (
      select * from own_job where state in ('succeeded', 'dead', 'cancelled') and ${isWon()}),
    end_job as (delete from job where job_id = any(array(select job_id from ended))),
    add_end as (
      insert into job_end (job_id, state, reason, error, token, attempt, started_at, finished_at, worker_id, outcome, code, output)
      select job_id, state, reason, error, token, attempt, coalesce(run_started_at, started_at), coalesce(run_finished_at, at),
        worker_id, outcome, code, output from ended)`;

/** Texts by what they are made of: at most one for each set of parts. */
const texts = new Map<string, string>();

export type PartName = keyof typeof commitParts;

/** `jobMove` first, as it says who has won. Its parameters: the steps' four columns, then those of each part, in order, two each. */
export function commitStatement(parts: readonly PartName[]): string {
  const key = parts.join();
  const known = texts.get(key);
  if (known !== undefined) return known;
  let next = 1;
  const place = (text: string, columns: ColumnTypes): string => {
    const first = next;
    next += parameterCount(columns);
    return text.replace("$*", () => parameterTable(columns, first));
  };
  const ctes = [place(head, stepColumns)];
  const movesJobs = parts[0] === "jobMove";
  if (!movesJobs) ctes.push(won);
  for (const name of parts) {
    ctes.push(place(commitParts[name].sql, commitParts[name].columns));
    if (name === "jobMove") ctes.push(wonWithLeases, moveJobs);
  }
  ctes.push(moveHead);
  const lost = movesJobs ? " union all select dataset_id, job_id from superseded" : "";
  const leases = parts.includes("job") ? "exists (select from new_job where is_leased)" : "false";
  const text = `with ${ctes.join(",\n    ")}
    select dataset_id as "datasetId", job_id as "jobId", ${leases} as leases
    from (select dataset_id, null::uuid as job_id from won${lost}) as outcome`;
  texts.set(key, text);
  return text;
}

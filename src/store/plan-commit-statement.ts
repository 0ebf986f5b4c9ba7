/**
 * The text of the group commit: one statement, put together of the parts that a batch has rows for, kept for the next batch
 * of the same kind. Order of locks: dataset rows, sorted by id; new dataset rows, sorted; then jobs, sorted. `won` are the
 * datasets whose revision was the expected one and whose jobs' leases are current; every part writes only for them.
 */

import { expectationPart } from "./expectations.ts";

/** A look-up in a hash, which only "(… in …) is true" makes sure of: as a join it would compare every row with every dataset. */
const isWon = (of = ""): string => `(${of}dataset_id in (select dataset_id from won)) is true`;

/** By part; `$*` stands for its columns, each an array of the type named. */
const statements = {
  jobMove: {
    types: ["uuid", "uuid", "bigint", "boolean", "text", "bigint", "boolean", "boolean", "text", "text", "timestamptz"],
    sql: `job_move as materialized (
      select * from unnest($*)
        as m (job_id, dataset_id, fence, only_if_expired, state, run_in_ms, begins, gives_back, reason, error, at)),
    own_job as materialized (
      select m.*, own.token, own.attempt + (m.begins and own.started_at is null)::int as attempt,
        case when m.begins then coalesce(own.started_at, m.at) else own.started_at end as started_at
      from (select * from job_move order by job_id) as m cross join lateral (
        select token, attempt, started_at from job
        where job.job_id = m.job_id and (m.fence is null or job.worker_id is not null and job.token = m.fence)
          and (not m.only_if_expired or job.lease_until < clock_timestamp())
        limit 1 for update) as own
      where (select count(*) from held) + (select count(*) from created) >= 0),
    superseded as materialized (
      select job_id, dataset_id from job_move where fence is not null and (job_id in (select job_id from own_job)) is not true)`,
  },
  dataset: {
    types: ["uuid", "boolean", "text", "text", "timestamptz", "text", "text"],
    sql: `new_dataset as materialized (
      select * from unnest($*) as d (dataset_id, paused, extra, modified_by, modified_at, body, names)
      where ${isWon()}),
    put_dataset as (
      insert into dataset (dataset_id, paused, extra, modified_by, modified_at)
      select dataset_id, paused, extra, modified_by, modified_at from new_dataset
      on conflict (dataset_id) do update set paused = excluded.paused, extra = excluded.extra,
        modified_by = excluded.modified_by, modified_at = excluded.modified_at),
    put_search as (
      insert into dataset_search (dataset_id, body, names)
      select n.dataset_id, n.body, coalesce(n.names, old.names, '')
      from new_dataset n left join dataset_search old on old.dataset_id = n.dataset_id
      on conflict (dataset_id) do update set body = excluded.body, names = excluded.names
        where dataset_search.body <> excluded.body or dataset_search.names <> excluded.names)`,
  },
  defined: {
    types: [
      "uuid",
      "uuid",
      "text",
      "text",
      "text",
      "boolean",
      "text",
      "text",
      "text",
      "uuid",
      "text",
      "text",
      "uuid",
      "text",
      "timestamptz",
    ],
    sql: `put_product as (
      insert into product (dataset_id, product_id, compute, name, version, eager, passthrough, extra, state, run_id,
        link, passback, job_id, modified_by, modified_at)
      select * from unnest($*) as p (dataset_id, product_id, compute, name, version, eager, passthrough, extra, state,
        run_id, link, passback, job_id, modified_by, modified_at)
      where ${isWon()}
      on conflict (dataset_id, product_id) do update set compute = excluded.compute, name = excluded.name,
        version = excluded.version, eager = excluded.eager, passthrough = excluded.passthrough, extra = excluded.extra,
        state = excluded.state, run_id = excluded.run_id, link = excluded.link, passback = excluded.passback,
        job_id = excluded.job_id, modified_by = excluded.modified_by, modified_at = excluded.modified_at)`,
  },
  moved: {
    types: ["uuid", "uuid", "text", "uuid", "text", "text", "uuid", "text", "timestamptz"],
    sql: `move_product as (
      update product set state = p.state, run_id = p.run_id, link = p.link, passback = p.passback, job_id = p.job_id,
        modified_by = p.modified_by, modified_at = p.modified_at
      from unnest($*) as p (dataset_id, product_id, state, run_id, link, passback, job_id, modified_by, modified_at)
      where product.dataset_id = p.dataset_id and product.product_id = p.product_id
        and ${isWon("p.")})`,
  },
  dependency: {
    types: ["uuid", "uuid", "uuid", "text", "text", "timestamptz"],
    sql: `put_dependency as (
      insert into dependency (dataset_id, parent_id, child_id, extra, modified_by, modified_at)
      select * from unnest($*) as e (dataset_id, parent_id, child_id, extra, modified_by, modified_at)
      where ${isWon()}
      on conflict (dataset_id, parent_id, child_id) do update set extra = excluded.extra,
        modified_by = excluded.modified_by, modified_at = excluded.modified_at)`,
  },
  expectation: expectationPart,
  event: {
    types: ["uuid", "bigint", "smallint", "uuid", "timestamptz", "text", "text", "text"],
    sql: `add_event as (
      insert into event (dataset_id, revision, part, turn_id, at, service, cause, changes)
      select * from unnest($*) as e (dataset_id, revision, part, turn_id, at, service, cause, changes)
      where ${isWon()})`,
  },
  job: {
    types: [
      "uuid",
      "uuid",
      "uuid",
      "text",
      "text",
      "text",
      "integer",
      "text",
      "smallint",
      "text",
      "timestamptz",
      "text",
      "float8",
      "bigint",
    ],
    sql: `new_job as materialized (
      select job_id, dataset_id, product_id, queue, job_type, state, attempts_max, requires::text[], priority, created_by,
        at, worker_id, lease_ms,
        state = 'queued' and coalesce(policy_version = (select version from policy_version), false) as is_leased
      from unnest($*)
        as j (job_id, dataset_id, product_id, queue, job_type, state, attempts_max, requires, priority, created_by,
          at, worker_id, lease_ms, policy_version)
      where ${isWon()}),
    add_record as (
      insert into job_record (job_id, queue, job_type, dataset_id, product_id, priority, run_at, attempts_max, requires,
        created_by, created_at)
      select job_id, queue, job_type, dataset_id, product_id, priority, at, attempts_max, requires, created_by, at from new_job),
    add_job as (
      insert into job (job_id, queue, job_type, dataset_id, product_id, priority, run_at, attempts_max, requires,
        state, token, worker_id, lease_until)
      select job_id, queue, job_type, dataset_id, product_id, priority, clock_timestamp(), attempts_max, requires,
        case when is_leased then 'leased' else 'queued' end, is_leased::int, case when is_leased then worker_id end,
        case when is_leased then clock_timestamp() + lease_ms * interval '1 millisecond' end
      from new_job where state = 'queued'),
    add_unborn as (
      insert into job_end (job_id, state, reason, token, attempt, finished_at)
      select job_id, 'cancelled', 'product_changed', 0, 0, at from new_job where state = 'cancelled')`,
  },
  attempt: {
    types: ["uuid", "bigint", "integer", "uuid", "text", "timestamptz", "timestamptz", "text", "text", "text", "text"],
    sql: `add_attempt as (
      insert into attempt (job_id, token, attempt, worker_id, started_at, finished_at, outcome, code, error, output)
      select job_id, token, attempt, worker_id, started_at, finished_at, outcome, code, error, output
      from unnest($*) as a (job_id, token, attempt, dataset_id, worker_id, started_at, finished_at, outcome, code, error, output)
      where ${isWon()}
      on conflict do nothing)`,
  },
  answer: {
    types: ["uuid", "text", "text", "text", "text", "text", "timestamptz"],
    sql: `put_answer as (
      insert into idempotency (scope, service, route, key, digest, answer, at)
      select * from unnest($*) as i (scope, service, route, key, digest, answer, at)
      where scope in (select dataset_id from won)
      on conflict (scope, service, route, key) do update set digest = excluded.digest, answer = excluded.answer,
        at = excluded.at)`,
  },
} as const;

const head = `step as materialized (select * from unnest($*) as s (dataset_id, base, next, modified_at)),
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
      insert into job_end (job_id, state, reason, error, token, attempt, started_at, finished_at)
      select job_id, state, reason, error, token, attempt, started_at, at from ended)`;

/** Texts by what they are made of: at most one for each set of parts. */
const texts = new Map<string, string>();

export type PartName = keyof typeof statements;

/** `jobMove` first, as it says who has won. Its parameters: the steps' four columns, then those of each part, in order. */
export function commitStatement(parts: readonly PartName[]): string {
  const key = parts.join();
  const known = texts.get(key);
  if (known !== undefined) return known;
  let count = 0;
  const place = (text: string, types: readonly string[]): string =>
    text.replace("$*", () => types.map((type) => `$${++count}::text::${type}[]`).join(", "));
  const ctes = [place(head, ["uuid", "bigint", "bigint", "timestamptz"])];
  const movesJobs = parts[0] === "jobMove";
  if (!movesJobs) ctes.push(won);
  for (const name of parts) {
    ctes.push(place(statements[name].sql, statements[name].types));
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

/**
 * The parts of the group commit, one for each kind of row. `won` are the datasets whose step is applied: each part writes only
 * for them.
 */
import { expectationPart } from "./expectations.ts";

/** A look-up in a hash, which only "(… in …) is true" makes sure of: as a join it would compare every row with every dataset. */
export const isWon = (of = ""): string => `(${of}dataset_id in (select dataset_id from won)) is true`;

/** Of a product: what moves. */
const standing = {
  state: "text",
  run_id: "uuid",
  link: "text",
  passback: "text",
  job_id: "uuid",
  modified_by: "text",
  modified_at: "timestamptz",
} as const;

/** `$*` stands for the table of its columns, names and types. */
export const commitParts = {
  jobMove: {
    columns: {
      job_id: "uuid",
      dataset_id: "uuid",
      fence: "bigint",
      only_if_expired: "boolean",
      state: "text",
      run_in_ms: "bigint",
      begins: "boolean",
      gives_back: "boolean",
      reason: "text",
      error: "text",
      at: "timestamptz",
      // Of the attempt that ends it.
      worker_id: "text",
      run_started_at: "timestamptz",
      run_finished_at: "timestamptz",
      outcome: "text",
      code: "text",
      output: "text",
    },
    sql: `job_move as materialized (select * from $* as m),
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
    columns: {
      dataset_id: "uuid",
      paused: "boolean",
      extra: "text",
      modified_by: "text",
      modified_at: "timestamptz",
      body: "text",
      names: "text",
    },
    sql: `new_dataset as materialized (select * from $* as d where ${isWon()}),
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
    columns: {
      dataset_id: "uuid",
      product_id: "uuid",
      compute: "text",
      name: "text",
      version: "text",
      eager: "boolean",
      passthrough: "text",
      extra: "text",
      ...standing,
    },
    sql: `put_product as (
      insert into product (dataset_id, product_id, compute, name, version, eager, passthrough, extra, state, run_id,
        link, passback, job_id, modified_by, modified_at)
      select * from $* as p where ${isWon()}
      on conflict (dataset_id, product_id) do update set compute = excluded.compute, name = excluded.name,
        version = excluded.version, eager = excluded.eager, passthrough = excluded.passthrough, extra = excluded.extra,
        state = excluded.state, run_id = excluded.run_id, link = excluded.link, passback = excluded.passback,
        job_id = excluded.job_id, modified_by = excluded.modified_by, modified_at = excluded.modified_at)`,
  },
  moved: {
    columns: {
      dataset_id: "uuid",
      product_id: "uuid",
      ...standing,
    },
    sql: `move_product as (
      update product set state = p.state, run_id = p.run_id, link = p.link, passback = p.passback, job_id = p.job_id,
        modified_by = p.modified_by, modified_at = p.modified_at
      from $* as p
      where product.dataset_id = p.dataset_id and product.product_id = p.product_id
        and ${isWon("p.")})`,
  },
  dependency: {
    columns: {
      dataset_id: "uuid",
      parent_id: "uuid",
      child_id: "uuid",
      extra: "text",
      modified_by: "text",
      modified_at: "timestamptz",
    },
    sql: `put_dependency as (
      insert into dependency (dataset_id, parent_id, child_id, extra, modified_by, modified_at)
      select * from $* as e where ${isWon()}
      on conflict (dataset_id, parent_id, child_id) do update set extra = excluded.extra,
        modified_by = excluded.modified_by, modified_at = excluded.modified_at)`,
  },
  expectation: expectationPart,
  event: {
    columns: {
      dataset_id: "uuid",
      revision: "bigint",
      part: "smallint",
      turn_id: "uuid",
      at: "timestamptz",
      service: "text",
      cause: "text",
      changes: "text",
    },
    sql: `add_event as (
      insert into event (dataset_id, revision, part, turn_id, at, service, cause, changes)
      select * from $* as e where ${isWon()})`,
  },
  job: {
    columns: {
      job_id: "uuid",
      dataset_id: "uuid",
      product_id: "uuid",
      queue: "text",
      job_type: "text",
      state: "text",
      attempts_max: "integer",
      requires: "text",
      priority: "smallint",
      created_by: "text",
      at: "timestamptz",
      worker_id: "text",
      lease_ms: "float8",
      policy_version: "bigint",
    },
    sql: `new_job as materialized (
      select job_id, dataset_id, product_id, queue, job_type, state, attempts_max, requires::text[], priority, created_by,
        at, worker_id, lease_ms,
        state = 'queued' and coalesce(policy_version = (select version from policy_version), false) as is_leased
      from $* as j
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
    columns: {
      job_id: "uuid",
      token: "bigint",
      attempt: "integer",
      dataset_id: "uuid",
      worker_id: "text",
      started_at: "timestamptz",
      finished_at: "timestamptz",
      outcome: "text",
      code: "text",
      error: "text",
      output: "text",
    },
    sql: `add_attempt as (
      insert into attempt (job_id, token, attempt, worker_id, started_at, finished_at, outcome, code, error, output)
      select job_id, token, attempt, worker_id, started_at, finished_at, outcome, code, error, output
      from $* as a
      where ${isWon()}
      on conflict do nothing)`,
  },
  answer: {
    columns: {
      scope: "uuid",
      service: "text",
      route: "text",
      key: "text",
      digest: "text",
      answer: "text",
      at: "timestamptz",
    },
    sql: `put_answer as (
      insert into idempotency (scope, service, route, key, digest, answer, at)
      select * from $* as i where (scope in (select dataset_id from won)) is true
      on conflict (scope, service, route, key) do update set digest = excluded.digest, answer = excluded.answer,
        at = excluded.at)`,
  },
} as const;

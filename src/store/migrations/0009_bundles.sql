-- Quick jobs are leased in bundles: one row instead of a changed row a job. They have left `job`; whoever needs a single one of them
-- unties its bundle first, and its jobs are leased rows of `job` again (src/store/bundles.ts).
create table bundle (
  bundle_id uuid primary key,
  -- Who holds it, and until when unless it is renewed.
  worker_id text not null,
  lease_until timestamptz not null,
  -- A lane without concurrency keys.
  queue text not null,
  job_type text not null,
  job_ids uuid[] not null,
  -- In the order of job_ids, as in `job`.
  tokens bigint[] not null,
  attempts integer[] not null,
  returned integer[] not null
) with (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
-- Ids and tokens do not compress.
alter table bundle alter job_ids set storage external, alter tokens set storage external,
  alter attempts set storage external, alter returned set storage external;

-- Its jobs that have not ended, as they would stand in `job`.
create view bundled_job as
  select one.job_id, bundle.queue, bundle.job_type, 'leased' as state, one.token, one.attempt, one.returned, bundle.worker_id,
    bundle.lease_until, bundle.bundle_id
  from bundle cross join lateral unnest(job_ids, tokens, attempts, returned) as one (job_id, token, attempt, returned)
  where not exists (select 1 from job_end where job_end.job_id = one.job_id);

-- The attempt that ended a job is kept with its end: half as many rows for the most common of jobs.
alter table job_end add column worker_id text, add column outcome text, add column code text, add column output text;

create view every_attempt as
  select job_id, token, attempt, worker_id, started_at, finished_at, outcome, code, error, output from attempt
  union all
  select job_id, token, attempt, worker_id, started_at, finished_at, outcome, code, error, output from job_end
  where outcome is not null;

-- Jobs: one row a dispatch, leased with a token that only grows; attempts are append-only.

create table job (
  job_id uuid primary key,
  -- Both set: a product's job, finished by a turn of its dataset. Both null: free-standing, finished by its holder.
  dataset_id uuid,
  product_id uuid,
  compute text not null,
  -- queued | leased | succeeded | dead | cancelled; backing off is queued with run_at ahead.
  state text not null,
  run_at timestamptz not null,
  token bigint not null default 0,
  attempt integer not null default 0,
  attempts_max integer not null,
  lease_until timestamptz,
  worker_id text,
  started_at timestamptz,
  payload text,
  -- What asked for it, once: (pass, pass id), later (cron, tick).
  source text,
  source_key text,
  created_at timestamptz not null,
  finished_at timestamptz
) with (fillfactor = 70);
-- By compute, so that one whose runs are all taken does not stand before the others.
create index job_due on job (compute, run_at, job_id) where state = 'queued';
create index job_leased on job (lease_until) where state = 'leased';
create index job_of_product on job (dataset_id, product_id) where dataset_id is not null;
-- For retention: small, as rows come in order of time.
create index job_age on job using brin (created_at);
create unique index job_source on job (source, source_key) where source is not null;

create table attempt (
  job_id uuid not null,
  token bigint not null,
  attempt integer not null,
  dataset_id uuid,
  product_id uuid,
  worker_id text not null,
  started_at timestamptz,
  finished_at timestamptz not null,
  -- succeeded | failed | timed_out | cancelled | lost | superseded: the last one is evidence under an old token.
  outcome text not null,
  error text,
  output text not null,
  primary key (job_id, token, outcome)
);
create index attempt_age on attempt using brin (finished_at);

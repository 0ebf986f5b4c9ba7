-- One queue. `job` holds only live jobs, in narrow rows that vacuum keeps up with; what was asked, what was tried and how it
-- ended is append-only, in partitions by time (of the job's id, a version 7 uuid: src/store/partitions.ts makes them ahead
-- and drops old ones whole). A default partition takes what no other one does.

alter table job rename to job_before;
alter table attempt rename to attempt_before;
alter index job_pkey rename to job_before_pkey;
alter index attempt_pkey rename to attempt_before_pkey;
drop index job_due;
drop index job_leased;
drop index job_of_product;
drop index job_age;
drop index job_source;
drop index attempt_age;

-- What was asked for. Never changed.
create table job_record (
  job_id uuid not null,
  queue text not null,
  job_type text not null,
  -- Both set: a product's job, finished by a turn of its dataset. Both null: free-standing, finished by its holder.
  dataset_id uuid,
  product_id uuid,
  -- JSON as it was sent.
  payload text,
  priority smallint not null,
  run_at timestamptz not null,
  attempts_max integer not null,
  -- Of each attempt; null: as the job type says.
  timeout_ms bigint,
  concurrency_key text,
  -- Labels that a worker must have.
  requires text[],
  -- The job that this one repeats.
  replay_of uuid,
  created_by text not null,
  created_at timestamptz not null,
  primary key (job_id)
) partition by range (job_id);
create table job_record_default partition of job_record default;
create index job_record_of_product on job_record (dataset_id, product_id) where dataset_id is not null;
create index job_record_of_queue on job_record (queue, job_id);

-- Live jobs only: one that ends is deleted, and its end goes to job_end.
create table job (
  job_id uuid primary key,
  queue text not null,
  job_type text not null,
  -- scheduled | queued | leased | backing-off
  state text not null,
  priority smallint not null,
  run_at timestamptz not null,
  -- The limit that a queued job waits for, such as `key:default:customer-7`; null: it may be leased.
  held_by text,
  token bigint not null default 0,
  attempt integer not null default 0,
  -- Attempts that a stopping node gave back: they do not count against the maximum.
  returned integer not null default 0,
  attempts_max integer not null,
  lease_until timestamptz,
  -- Set exactly while it is leased.
  worker_id text,
  started_at timestamptz,
  dataset_id uuid,
  product_id uuid,
  concurrency_key text,
  keyed boolean not null generated always as (concurrency_key is not null) stored,
  requires text[]
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_scale_factor = 0.0, autovacuum_analyze_threshold = 20000,
  autovacuum_vacuum_cost_delay = 0);
-- A lane: the due jobs of one queue and type. Those with a concurrency key are apart, as leasing them takes a look at others.
create index job_due on job (queue, job_type, keyed, priority desc, run_at, job_id)
  where state = 'queued' and held_by is null;
create index job_ahead on job (run_at) where state in ('scheduled', 'backing-off');
create index job_leased on job (lease_until) where state = 'leased';
create index job_held on job (held_by, priority desc, run_at, job_id) where held_by is not null;

-- How a job ended, once.
create table job_end (
  job_id uuid not null,
  -- succeeded | dead | cancelled
  state text not null,
  -- Why it is dead or cancelled, as a code: attempts_exhausted, not_retryable, lease_lost, …
  reason text,
  error text,
  token bigint not null,
  attempt integer not null,
  -- JSON that it handed back; a product's is with the product.
  result text,
  started_at timestamptz,
  finished_at timestamptz not null,
  -- The job that took a dead one's place.
  redriven_as uuid,
  primary key (job_id)
) partition by range (job_id);
create table job_end_default partition of job_end default;
create index job_end_dead on job_end (job_id) where state = 'dead';

create table attempt (
  job_id uuid not null,
  token bigint not null,
  attempt integer not null,
  worker_id text not null,
  started_at timestamptz,
  finished_at timestamptz not null,
  -- succeeded | failed | timed_out | cancelled | lost | superseded: the last one is evidence under an old token.
  outcome text not null,
  -- An exit code, an HTTP status, an error's code.
  code text,
  error text,
  output text not null,
  primary key (job_id, token, outcome)
) partition by range (job_id);
create table attempt_default partition of attempt default;

-- What an attempt prints while it runs, in parts.
create table job_log (
  job_id uuid not null,
  token bigint not null,
  part integer not null,
  at timestamptz not null,
  text text not null,
  primary key (job_id, token, part)
) partition by range (job_id);
create table job_log_default partition of job_log default;

-- Each acceptance, refusal or delay by a guardrail or a policy, and why. A version 7 uuid names it.
create table decision (
  decision_id uuid not null,
  -- ingest | policy
  kind text not null,
  -- ACCEPTED, PAYLOAD_TOO_LARGE, ENQUEUE_RATE_EXCEEDED, …, QUEUE_CONCURRENCY, KEY_CONCURRENCY, …
  code text not null,
  queue text not null,
  job_type text,
  -- The one job that it is about; null: several, or one that never came to be.
  job_id uuid,
  service text,
  -- How many jobs.
  count integer not null,
  detail text not null,
  at timestamptz not null,
  primary key (decision_id)
) partition by range (decision_id);
create table decision_default partition of decision default;
create index decision_of_job on decision (job_id) where job_id is not null;

-- Limits are data: of a queue, a job type, a dataset. A subject `*` stands for each one that has no row of its own.
create table policy (
  -- queue | job_type | dataset
  scope text not null,
  subject text not null,
  paused boolean not null default false,
  -- At once, over all nodes.
  concurrency_max integer,
  -- At once for each concurrency key of the queue; 1 if null.
  key_concurrency_max integer,
  -- Starts a second, and how many may come together.
  rate_per_s double precision,
  rate_burst integer,
  -- Guardrails of what comes in.
  enqueue_per_s double precision,
  enqueue_burst integer,
  depth_max integer,
  payload_bytes_max integer,
  -- Retries a minute: beyond them a failed job waits until there is budget.
  retries_per_min integer,
  modified_by text not null,
  modified_at timestamptz not null,
  primary key (scope, subject)
);
-- Grows with each change of a policy, so that a node knows in one statement whether what it remembers still holds.
create table policy_version (version bigint not null);
insert into policy_version values (1);

-- Token buckets: `rate:queue:default`, `enqueue:queue:default`, `retry:queue:default`.
create table bucket (
  name text primary key,
  tokens double precision not null,
  at timestamptz not null
) with (fillfactor = 50);

-- Who runs jobs: nodes, and remote workers that pull leases over HTTP.
create table worker (
  worker_id text primary key,
  -- node | remote
  kind text not null,
  name text not null,
  host text not null,
  version text not null,
  -- Null: whatever a node can run.
  queues text[],
  labels text[] not null,
  slots integer not null,
  held integer not null,
  started_at timestamptz not null,
  seen_at timestamptz not null,
  -- Since when it takes no more; what it holds it finishes.
  draining_since timestamptz
) with (fillfactor = 50);

-- What each node did in each second, by queue: rates and latencies over any short window, over all nodes.
create table queue_second (
  queue text not null,
  at timestamptz not null,
  node_id text not null,
  leased integer not null,
  succeeded integer not null,
  failed integer not null,
  retried integer not null,
  dead integer not null,
  -- From due to leased, and of the runs.
  waited_ms double precision not null,
  ran_ms double precision not null,
  primary key (queue, at, node_id)
);

-- What asked for a job, once: ("pass", pass id), ("cron", template and tick), ("run", …).
create table job_source (
  source text not null,
  source_key text not null,
  job_id uuid not null,
  at timestamptz not null,
  primary key (source, source_key)
);

insert into job_record (job_id, queue, job_type, dataset_id, product_id, payload, priority, run_at, attempts_max, created_by, created_at)
select job_id, case when dataset_id is null then 'orrery' else 'products' end, compute, dataset_id, product_id, payload, 0,
  run_at, attempts_max, 'orrery', created_at from job_before;
insert into job (job_id, queue, job_type, state, priority, run_at, token, attempt, returned, attempts_max, lease_until, worker_id,
  started_at, dataset_id, product_id)
select job_id, case when dataset_id is null then 'orrery' else 'products' end, compute,
  case when state = 'queued' and run_at > now() then case when attempt > 0 then 'backing-off' else 'scheduled' end else state end,
  0, run_at, token, attempt, (select count(*) from attempt_before a where a.job_id = b.job_id and a.outcome = 'cancelled'),
  attempts_max, lease_until, worker_id, started_at, dataset_id, product_id
from job_before b where state in ('queued', 'leased');
insert into job_end (job_id, state, reason, token, attempt, started_at, finished_at)
select job_id, state, case state when 'dead' then 'attempts_exhausted' end, token, attempt, started_at, coalesce(finished_at, created_at)
from job_before where state in ('succeeded', 'dead', 'cancelled');
insert into attempt (job_id, token, attempt, worker_id, started_at, finished_at, outcome, error, output)
select job_id, token, attempt, worker_id, started_at, finished_at, outcome, error, output from attempt_before;
insert into job_source (source, source_key, job_id, at)
select source, source_key, job_id, created_at from job_before where source is not null;
drop table job_before;
drop table attempt_before;

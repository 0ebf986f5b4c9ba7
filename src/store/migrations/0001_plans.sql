-- Plans: narrow hot rows (dataset_head changes with every turn), client JSON as text, one event row a turn.

create extension if not exists pg_trgm;

create table dataset_head (
  dataset_id uuid primary key,
  revision bigint not null,
  modified_at timestamptz not null
) with (fillfactor = 70);
create index dataset_head_recent on dataset_head (modified_at desc, dataset_id);

create table dataset (
  dataset_id uuid primary key,
  paused boolean not null,
  extra text,
  modified_by text not null,
  modified_at timestamptz not null
);

-- Apart from dataset_head, as an update of a row under a trigram index costs four times as much.
create table dataset_search (
  dataset_id uuid primary key,
  -- In lower case: the id and the JSON of extra; the names of the products.
  body text not null,
  names text not null
);
create index dataset_search_body on dataset_search using gin (body gin_trgm_ops);
create index dataset_search_names on dataset_search using gin (names gin_trgm_ops);

create table product (
  dataset_id uuid not null,
  product_id uuid not null,
  compute text not null,
  name text not null,
  version text not null,
  eager boolean not null,
  passthrough text,
  extra text,
  state text not null,
  run_id uuid,
  link text,
  passback text,
  job_id uuid,
  modified_by text not null,
  modified_at timestamptz not null,
  primary key (dataset_id, product_id)
) with (fillfactor = 80);

create table dependency (
  dataset_id uuid not null,
  parent_id uuid not null,
  child_id uuid not null,
  extra text,
  modified_by text not null,
  modified_at timestamptz not null,
  -- The child first: whoever runs a product asks for its parents.
  primary key (dataset_id, child_id, parent_id)
);

-- `changes`: JSON, up to 1,000 a row; a larger turn has several parts.
create table event (
  dataset_id uuid not null,
  revision bigint not null,
  part smallint not null,
  turn_id uuid not null,
  at timestamptz not null,
  service text not null,
  cause text not null,
  changes text not null,
  primary key (dataset_id, revision, part)
);

create table idempotency (
  scope uuid not null,
  service text not null,
  route text not null,
  key text not null,
  digest text not null,
  answer text not null,
  at timestamptz not null,
  primary key (scope, service, route, key)
);
create index idempotency_age on idempotency (at);

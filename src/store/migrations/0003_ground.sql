-- Ships and passes. A pass is a leased row; what changes every few seconds lies apart from what is asked about it.

create table ship (
  ship text primary key,
  format text not null,
  definition text,
  modified_by text not null,
  modified_at timestamptz not null
);

create table pass (
  pass_id uuid primary key,
  ship text not null references ship (ship),
  station text,
  host text not null,
  port integer not null,
  aos timestamptz not null,
  los timestamptz not null,
  -- aos − prepass margin, los + drain margin: while these overlap, no other pass may have the port.
  opens_at timestamptz not null,
  closes_at timestamptz not null,
  prepass_margin_ms integer not null,
  drain_margin_ms integer not null,
  template text,
  priority integer not null,
  request_digest text not null,
  -- planned | prepass | receiving | draining | completed | failed | cancelled | missed
  state text not null,
  reason text,
  -- The lease: by the database's clock, fenced by a token that only grows.
  token bigint not null default 0,
  node text,
  lease_until timestamptz,
  -- As its holder said last: believed while its lease lasts.
  is_open boolean not null default false,
  opened_at timestamptz,
  receive_buffer_bytes bigint,
  -- JSON {path, format, sha256, sizeBytes, packets}
  archive text,
  dataset_id uuid,
  created_by text not null,
  created_at timestamptz not null,
  modified_at timestamptz not null
) with (fillfactor = 70);
create index pass_due on pass (opens_at, pass_id) where state in ('planned', 'prepass', 'receiving', 'draining');
create index pass_port on pass (host, port, opens_at) where state in ('planned', 'prepass', 'receiving', 'draining');
create index pass_recent on pass (aos desc, pass_id);
create index pass_of_ship on pass (ship, aos desc, pass_id);

-- One row a pass, overwritten every 5 seconds and at the end.
create table pass_progress (
  pass_id uuid primary key,
  ship text not null,
  -- Whose: a superseded holder writes nothing.
  token bigint not null,
  at timestamptz not null,
  ledger text not null,
  -- A few numbers of the ledger: lists need no more, and a ledger may hold thousands of gaps.
  counters text not null,
  latest text not null,
  -- JSON: the ledger's state, and the number of the last telemetry entry that it knows of: a restart goes on from here.
  checkpoint text not null
) with (fillfactor = 50);
create index pass_progress_of_ship on pass_progress (ship, at desc);

-- The counters of a pass over time, appended with each write of its progress.
create table pass_snapshot (
  pass_id uuid not null,
  at timestamptz not null,
  token bigint not null,
  counters text not null,
  primary key (pass_id, at)
);

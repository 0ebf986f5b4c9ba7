-- Templates in versions that never change, the runs made of them, and what asks for runs by itself: schedules and backfills.

create table template (
  template_id text primary key,
  latest_version integer not null,
  -- Does not tick, and its backfills start no more.
  paused boolean not null default false,
  deleted_at timestamptz,
  modified_by text not null,
  modified_at timestamptz not null
);
-- Grows with each change of a template, so that a node knows in one statement whether what it remembers still holds.
create table template_change (change bigint not null);
insert into template_change values (1);

create table template_version (
  template_id text not null,
  version integer not null,
  -- YAML or JSON as it was written: it holds commands, so it is not for everybody.
  source text not null,
  digest text not null,
  -- file | api
  origin text not null,
  created_by text not null,
  created_at timestamptz not null,
  primary key (template_id, version)
);

-- One row a template that ticks. Whoever judges its ticks holds the row, so that each one is judged once.
create table template_schedule (
  template_id text primary key,
  -- The schedule itself: when it changes, what was missed of the old one is not made up for.
  digest text not null,
  -- Every tick up to here was judged.
  cursor_at timestamptz not null,
  -- When to look again; null: it never ticks again.
  next_at timestamptz
) with (fillfactor = 50);
create index template_schedule_next on template_schedule (next_at);

-- What became of each tick that was not simply on time and fired, too.
create table cron_tick (
  template_id text not null,
  at timestamptz not null,
  -- fired | queued | skipped | missed: the last one stands for all that were missed up to it.
  state text not null,
  run_id uuid,
  judged_at timestamptz not null,
  primary key (template_id, at)
);
create index cron_tick_queued on cron_tick (template_id, at) where state = 'queued';
create index cron_tick_age on cron_tick (judged_at);

-- A run is a dataset made of a template.
create table template_run (
  -- The dataset's id.
  run_id uuid primary key,
  template_id text not null,
  version integer not null,
  -- cron | manual | backfill | pass | api, and what asks there, once.
  source text not null,
  source_key text not null,
  -- JSON, as the run was asked for.
  params text not null,
  triggered_by text not null,
  -- The time that it is for: its tick's, or a date of a backfill.
  at timestamptz,
  created_at timestamptz not null,
  cancelled_at timestamptz,
  -- running | success | failed | paused | cancelled: as seen last, never later than the next poll.
  state text not null,
  finished_at timestamptz,
  -- The dataset's revision that `state` was seen at.
  seen_revision bigint not null default 0
) with (fillfactor = 70);
create unique index template_run_source on template_run (source, source_key);
create index template_run_recent on template_run (created_at desc, run_id desc);
create index template_run_of_template on template_run (template_id, created_at desc, run_id desc);
create index template_run_of_state on template_run (state, created_at desc, run_id desc);
create index template_run_unfinished on template_run (template_id, run_id) where finished_at is null;
create index template_run_of_backfill on template_run (source_key text_pattern_ops) where source = 'backfill';

create table backfill (
  backfill_id uuid primary key,
  template_id text not null,
  version integer not null,
  concurrency_max integer not null,
  request_digest text not null,
  created_by text not null,
  created_at timestamptz not null,
  cancelled_at timestamptz,
  finished_at timestamptz
);
create index backfill_unfinished on backfill (created_at) where finished_at is null;
create index backfill_recent on backfill (created_at desc, backfill_id desc);

create table backfill_run (
  backfill_id uuid not null,
  seq integer not null,
  at timestamptz,
  params text not null,
  -- Null: not started yet.
  run_id uuid,
  primary key (backfill_id, seq)
);
create index backfill_run_waiting on backfill_run (backfill_id, seq) where run_id is null;

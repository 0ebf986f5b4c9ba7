-- Alarms of the ground segment beside those of late products: with a severity, cleared, acknowledged, told of each time they change.

alter table alarm
  -- What it is one active alarm of: kind, ship or pass, subject. Null: it stands for itself.
  add column key text,
  -- 1 watch, 2 warning, 3 critical
  add column severity smallint not null default 2,
  add column ship text,
  add column pass_id uuid,
  add column subject text not null default '',
  add column raised integer not null default 1,
  add column cleared_at timestamptz,
  add column resolution text,
  add column acknowledged_at timestamptz,
  add column acknowledged_by text,
  add column comment text,
  -- Counts what is told of it; `event` was the last.
  add column change integer not null default 1,
  add column event text not null default 'raised',
  -- What `send_at` is about; null: that it was raised.
  add column send_event text,
  add column send_change integer;

-- A missed deadline is over with being missed.
update alarm set cleared_at = at;

create unique index alarm_active on alarm (key) where key is not null and (cleared_at is null or acknowledged_at is null);
create index alarm_unsettled on alarm (alarm_id) where cleared_at is null or acknowledged_at is null;
create index alarm_open on alarm (ship, pass_id) where cleared_at is null;
create index alarm_of_ship on alarm (ship, alarm_id) where ship is not null;
create index alarm_of_pass on alarm (pass_id, alarm_id) where pass_id is not null;
create index alarm_of_kind on alarm (kind, alarm_id);

-- From 0 to 1; a pass that is less complete raises an alarm. Null: none does.
alter table ship add column completeness_min double precision;

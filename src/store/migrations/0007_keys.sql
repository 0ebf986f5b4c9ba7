-- Keys that callers send instead of logging in, and who wrote what.

create table api_key (
  key_id uuid primary key,
  -- What stamps say.
  name text not null,
  roles text[] not null,
  -- SHA-256 of the secret, in base64url: the secret has 256 random bits, so a slow hash would guard nothing.
  digest text not null,
  created_by text not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  -- At most a minute behind.
  last_used_at timestamptz,
  revoked_at timestamptz,
  revoked_by text
);
-- A name is free again once its key is revoked.
create unique index api_key_name on api_key (name) where revoked_at is null;

-- Writes that leave no event row, and writes that were refused. A version 7 uuid names a row, so a partition is a span of time.
create table audit (
  audit_id uuid not null,
  at timestamptz not null,
  service text not null,
  action text not null,
  -- The path that was asked for, without /api.
  target text not null,
  status smallint not null,
  request_id text,
  dataset_id uuid,
  primary key (audit_id)
) partition by range (audit_id);
create table audit_default partition of audit default;
create index audit_of_dataset on audit (dataset_id, audit_id) where dataset_id is not null;

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'rows of % are never changed', tg_table_name;
end $$;
create trigger audit_is_append_only before update or delete on audit for each row execute function refuse_change();

-- The audit reads events by time. They lie in order of time, so a summary of each range of pages is enough, and costs a turn nothing.
create index event_at on event using brin (at) with (pages_per_range = 32, autosummarize = on);

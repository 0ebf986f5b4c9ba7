-- A ship is a tenant: what it may use, how long what it sent is kept, and which keys are for it alone.

-- Null: no quota; what retention is then, the documents say.
alter table ship
  add column packets_per_s double precision,
  add column bytes_kept bigint,
  add column hot_bytes bigint,
  add column archive_days double precision,
  add column hot_hours double precision,
  add column snapshot_days double precision;

-- The ships that a key is for, or that of whoever saved a contact was for; null: all.
alter table api_key add column ships text[];
alter table contact add column ships text[];

-- Octets of the archive and of all that lies beside it; null: there is none, or no more.
alter table pass
  add column kept_bytes bigint,
  add column archive_removed_at timestamptz,
  add column archive_removed_why text;
update pass set kept_bytes = (archive::json ->> 'sizeBytes')::bigint
  + coalesce((
    select (files::json -> 'history' ->> 'sizeBytes')::bigint + (files::json -> 'csv' ->> 'sizeBytes')::bigint
      + (files::json -> 'parquet' ->> 'sizeBytes')::bigint
    from pass_decoded where pass_decoded.pass_id = pass.pass_id), 0)
where archive is not null;
create index pass_kept on pass (ship, los, pass_id) include (kept_bytes, archive_removed_at) where kept_bytes is not null;

-- They lie in the order of time.
create index pass_snapshot_at on pass_snapshot using brin (at) with (pages_per_range = 32, autosummarize = on);

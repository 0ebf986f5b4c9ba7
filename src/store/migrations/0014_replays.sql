-- An archived pass that is decoded anew by the ship's definition of today, into a plan of its own.

create table pass_replay (
  replay_id uuid primary key,
  pass_id uuid not null,
  template text not null,
  -- JSON, beside what every plan of a pass is given.
  params text not null,
  dataset_id uuid not null,
  request_digest text not null,
  -- JSON: what is replayed, as it was when it was asked for. Its files are kept.
  archive text not null,
  -- queued | done | failed: done when its plan is asked for.
  state text not null,
  error text,
  -- SHA-256 of the definition; null: the ship has none, or it is not done.
  definition_sha256 text,
  -- JSON {fromMs, toMs, history, csv, parquet}; null: nothing was decoded.
  decoded text,
  -- Whether judging the archive again gave the pass's own sequence account.
  is_same boolean,
  created_by text not null,
  created_at timestamptz not null,
  finished_at timestamptz
);
create index pass_replay_of_pass on pass_replay (pass_id, created_at desc);

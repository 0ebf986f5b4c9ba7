-- What was decoded of a pass when it was archived: which time it spans, and the files that answer for it.
create table pass_decoded (
  pass_id uuid primary key,
  ship text not null,
  -- Of the values, by the packets' own time: a recorder may play back what is older than the pass.
  from_at timestamptz not null,
  to_at timestamptz not null,
  -- JSON {history, csv, parquet}, each {path, sha256, sizeBytes}
  files text not null
);
create index pass_decoded_of_ship on pass_decoded (ship, to_at desc);

-- Message flows: which are paused, and how far the partitions are that only one node may read.

-- Only flows that somebody paused or resumed have a row.
create table flow (
  flow text primary key,
  paused boolean not null,
  modified_by text not null,
  modified_at timestamptz not null
);

create table flow_partition (
  flow text not null,
  partition text not null,
  -- Where the next reader begins, as the source counts.
  next_offset bigint not null,
  -- Grows with each holder: what an earlier one commits changes nothing.
  token bigint not null,
  node text,
  lease_until timestamptz,
  modified_at timestamptz not null,
  primary key (flow, partition)
) with (fillfactor = 70);

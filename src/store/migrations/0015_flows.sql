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

-- The flight recorder: messages that were slow or became dead letters, kept for some days.
create table flow_trace (
  -- Version 7: by its time rows are listed and go.
  trace_id uuid primary key,
  flow text not null,
  partition text not null,
  message_id text not null,
  -- done | dead
  outcome text not null,
  took_ms double precision not null,
  node text not null,
  at timestamptz not null,
  -- JSON: tasks, attempts, deliveries.
  trace text not null
);
create index flow_trace_of_flow on flow_trace (flow, trace_id desc);
create index flow_trace_of_message on flow_trace (flow, md5(partition), md5(message_id));

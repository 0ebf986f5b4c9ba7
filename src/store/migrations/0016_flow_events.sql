-- What flows read that Orrery makes itself: when each flow was first started, and an outbox of the turns of plans.

create table flow_start (
  flow text primary key,
  started_at timestamptz not null
);

-- One row for each event row with changes, for as long as some flow has not read it. Nothing writes it before the first flow asks for it: that
-- flow makes the trigger on `event`, and retention drops it again.
create table flow_event (
  id bigint generated always as identity,
  dataset_id uuid not null,
  revision bigint not null,
  part smallint not null,
  at timestamptz not null default now(),
  -- Its place in the order of reading, given when it was first seen committed.
  seq bigint
);
create index flow_event_unread on flow_event (id) where seq is null;
create index flow_event_seq on flow_event (seq) where seq is not null;
create sequence flow_event_place;

create function flow_event_note() returns trigger language plpgsql as $$
begin
  insert into flow_event (dataset_id, revision, part)
  select dataset_id, revision, part from added where changes <> '[]' order by dataset_id, revision, part;
  return null;
end
$$;

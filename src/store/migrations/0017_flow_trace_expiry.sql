-- Each trace of a flow says itself until when it is kept, as its flow may not be configured any more when its time is up. The default is for
-- rows that are there, and for those of nodes of the version before.
alter table flow_trace add column expires_at timestamptz not null default now() + interval '7 days';
create index flow_trace_expired on flow_trace (expires_at);

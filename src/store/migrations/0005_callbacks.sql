-- Where a web service answers later: a row for each answer that somebody waits for. Deleted when it has come or nobody waits.

create table callback (
  -- SHA-256 of the secret in its address: whoever reads this table cannot answer.
  secret_hash text primary key,
  job_id uuid not null,
  attempt integer not null,
  token bigint,
  expires_at timestamptz not null,
  -- Set once: what was sent, as JSON.
  answer text
) with (fillfactor = 70);
create index callback_of_job on callback (job_id);
create index callback_expired on callback (expires_at);

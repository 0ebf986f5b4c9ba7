-- What a plan expects of a product beside its definition, and what was raised when that did not come.

create table expectation (
  dataset_id uuid not null,
  product_id uuid not null,
  -- By then it must be success.
  deadline_at timestamptz,
  -- JSON Schema of its passback, a part of it.
  "check" text,
  -- True until the deadline was looked at, once.
  is_pending boolean not null,
  missed_at timestamptz,
  primary key (dataset_id, product_id)
);
create index expectation_due on expectation (deadline_at) where is_pending;

create table alarm (
  -- A version 7 uuid.
  alarm_id uuid primary key,
  -- product.late
  kind text not null,
  dataset_id uuid,
  product_id uuid,
  at timestamptz not null,
  -- JSON
  detail text not null,
  -- When the webhook is to be called next; null: nothing is left to send.
  send_at timestamptz,
  tries smallint not null default 0,
  sent_at timestamptz
);
create index alarm_to_send on alarm (send_at) where send_at is not null;
create index alarm_of_dataset on alarm (dataset_id, alarm_id) where dataset_id is not null;

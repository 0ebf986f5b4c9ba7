/**
 * The text of an enqueue: one statement stores the jobs of many requests, each request whole or not at all, and says what became
 * of each. Order of locks: buckets, sorted by name; then idempotency keys, sorted. Put together of what a batch needs.
 */

/** What a batch has rows of beside its jobs. */
export interface EnqueueVariant {
  readonly hasKeys: boolean;
  readonly hasLimits: boolean;
  readonly hasReplays: boolean;
}

/** Columns of each parameter table: arrays of these types. */
export const enqueueTypes = {
  asked: ["int", "timestamptz", "float8", "uuid", "text", "text", "text", "text", "text"],
  job: [
    "int",
    "uuid",
    "text",
    "text",
    "text",
    "timestamptz",
    "float8",
    "smallint",
    "int",
    "bigint",
    "text",
    "text",
    "uuid",
    "text",
    "text",
    "float8",
    "bigint",
  ],
  decision: ["int", "uuid", "text", "text", "uuid", "text", "int", "text"],
  limit: ["text", "float8", "int"],
  cost: ["int", "text", "int"],
} as const;

export type EnqueueTable = keyof typeof enqueueTypes;

/** A key counts for so long; the retention of answers is as long. */
const keyAge = "interval '24 hours'";

/** By the database's clock, and never before now: a date of long ago must not overtake what waits. */
const dueAt = "greatest(coalesce(run_at, now() + delay_ms * interval '1 millisecond'), now())";

const instant = (value: string): string => `to_char(${value} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')`;

const asked = `asked as materialized (
  select * from unnest($asked) as a (request, run_at, delay_ms, scope, service, route, key, digest, answer))`;

/**
 * The small requests first: so what is refused does not fit into what is left. A request on several limited queues counts in
 * each of them, even when one refuses it: then too few are let in, never too many.
 */
const limits = `limits as materialized (select * from unnest($limit) as l (name, rate, burst)),
  cost as materialized (select * from unnest($cost) as c (request, name, count)),
  locked as materialized (
    select b.name, b.tokens, b.at, l.rate, l.burst from limits l join bucket b on b.name = l.name order by b.name for update of b),
  filled as materialized ( -- the clock is read when the locks are held
    select name, rate, at, least(burst, tokens + greatest(0, extract(epoch from at - before)) * rate) as tokens
    from (select name, rate, burst, tokens, at as before, clock_timestamp() as at from locked) as l),
  known as materialized (
    select request from asked where key is not null and exists (
      select 1 from idempotency i where i.scope = asked.scope and i.service = asked.service and i.route = asked.route
        and i.key = asked.key and i.at > now() - ${keyAge})),
  summed as (
    select request, name, count, sum(count) over (partition by name order by count, request) as upto
    from cost where request <> all (array(select request from known))),
  refused as materialized (
    select distinct on (s.request) s.request, s.name, (s.upto - f.tokens) / f.rate as "waitS"
    from summed s left join filled f on f.name = s.name
    where f.name is null or s.upto > f.tokens order by s.request, (s.upto - f.tokens) / f.rate desc),
  admitted as materialized (
    select request from asked
    where request <> all (array(select request from refused)) and request <> all (array(select request from known)))`;

const admittedAll = "admitted as materialized (select request from asked)";

const keys = `keyed as (
    insert into idempotency (scope, service, route, key, digest, answer, at)
    select scope, service, route, key, digest, answer, now() from asked
    where key is not null and request = any (array(select request from admitted)) order by scope, service, route, key
    on conflict (scope, service, route, key) do update set digest = excluded.digest, answer = excluded.answer, at = excluded.at
      where idempotency.at <= now() - ${keyAge}
    returning scope, service, route, key),
  won as materialized ( -- "or" keeps the look-up a hashed one
    select request from asked
    where request = any (array(select request from admitted))
      and (key is null or (scope, service, route, key) in (select scope, service, route, key from keyed)))`;

const wonAll = "won as materialized (select request from admitted)";

const spend = `spend as (
    update bucket set at = f.at, tokens = f.tokens - coalesce((
      select sum(count) from cost where cost.name = f.name and request = any (array(select request from won))), 0)
    from filled f where bucket.name = f.name)`;

const ofWon = "where request = any (array(select request from won))";

const rows = `given as materialized (
    select *, ${dueAt} as due_at, coalesce(policy_version = (select version from policy_version), false) as is_leased
    from unnest($job) as j (request, job_id, queue, job_type, payload, run_at, delay_ms, priority, attempts_max, timeout_ms,
      concurrency_key, requires, replay_of, created_by, worker_id, lease_ms, policy_version)
    ${ofWon}),
  put_record as (
    insert into job_record (job_id, queue, job_type, payload, priority, run_at, attempts_max, timeout_ms, concurrency_key, requires,
      replay_of, created_by, created_at)
    select job_id, queue, job_type, payload, priority, due_at, attempts_max, timeout_ms, concurrency_key, requires::text[],
      replay_of, created_by, now() from given),
  put_job as (
    insert into job (job_id, queue, job_type, state, priority, run_at, attempts_max, concurrency_key, requires, token, worker_id,
      lease_until)
    select job_id, queue, job_type, case when is_leased then 'leased' when due_at > now() then 'scheduled' else 'queued' end,
      priority, due_at, attempts_max, concurrency_key, requires::text[], is_leased::int, case when is_leased then worker_id end,
      case when is_leased then clock_timestamp() + lease_ms * interval '1 millisecond' end
    from given),
  put_decision as (
    insert into decision (decision_id, kind, code, queue, job_type, job_id, service, count, detail, at)
    select decision_id, 'ingest', 'ACCEPTED', queue, job_type, job_id, service, count, detail, now()
    from unnest($decision) as d (request, decision_id, queue, job_type, job_id, service, count, detail)
    ${ofWon})`;

/** From the job that is repeated to those that repeat it. */
const replays = `put_source as (
    insert into job_source (source, source_key, job_id, at)
    select 'replay:' || replay_of, job_id::text, job_id, now() from given where replay_of is not null)`;

const outcome = (hasLimits: boolean): string => `select asked.request, case
    when request = any (array(select request from won)) then 'stored'${
      hasLimits ? "\n    when request = any (array(select request from refused)) then 'refused'" : ""
    }
    else 'repeated' end as outcome, exists (select from given where is_leased) as leases, ${instant("now()")} as "createdAt", ${instant(dueAt)} as "runAt"${
      hasLimits
        ? `, (select name from refused where refused.request = asked.request) as "refusedBy",
    (select "waitS" from refused where refused.request = asked.request) as "waitS"`
        : ""
    } from asked`;

/** At most eight texts. */
const texts = new Map<string, { text: string; tables: readonly EnqueueTable[] }>();

/** The statement, and the tables whose columns are its parameters, in order. */
export function enqueueStatement(variant: EnqueueVariant): { text: string; tables: readonly EnqueueTable[] } {
  const { hasKeys, hasLimits, hasReplays } = variant;
  const name = `${hasKeys} ${hasLimits} ${hasReplays}`;
  const known = texts.get(name);
  if (known !== undefined) return known;
  const ctes = [asked, hasLimits ? limits : admittedAll, hasKeys ? keys : wonAll];
  if (hasLimits) ctes.push(spend);
  ctes.push(rows);
  if (hasReplays) ctes.push(replays);
  const tables: EnqueueTable[] = [];
  let count = 0;
  const text = `with ${ctes.join(",\n  ")}\n${outcome(hasLimits)}`.replace(/\$(\w+)/g, (_, table: EnqueueTable) => {
    tables.push(table);
    return enqueueTypes[table].map((type) => `$${++count}::text::${type}[]`).join(", ");
  });
  const made = { text, tables };
  texts.set(name, made);
  return made;
}

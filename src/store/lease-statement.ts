/**
 * The statement that leases jobs and brings all that their runs are given. A batch comes as one row, a column of it as one
 * text: decoding a row a job cost five times as much on our side, and a third of the statement on the server's.
 */
import type { Sql, SqlValue } from "./sql.ts";

/** `list`: never null and without commas, joined by them. `json`: anything, as a JSON array; null when all of it is null. */
type Kind = "list" | "number" | "json";

/** By the name that a `LeasedJob` has it under. */
const columns: readonly (readonly [name: string, kind: Kind, sql: string])[] = [
  ["jobId", "list", "leased.job_id"],
  ["token", "number", "leased.token"],
  ["attempt", "number", "leased.attempt"],
  ["returned", "number", "leased.returned"],
  ["attemptsMax", "number", "leased.attempts_max"],
  ["waitedS", "number", "extract(epoch from now() - leased.run_at)::float8"],
  ["queue", "json", "leased.queue"],
  ["jobType", "json", "leased.job_type"],
  ["concurrencyKey", "json", "leased.concurrency_key"],
  ["datasetId", "json", "leased.dataset_id"],
  ["productId", "json", "leased.product_id"],
  ["payload", "json", "record.payload"],
  ["timeoutMs", "json", "record.timeout_ms"],
  ["extra", "json", "plan.extra"],
  ["name", "json", "own.name"],
  ["version", "json", "own.version"],
  ["passthrough", "json", "own.passthrough"],
  ["parents", "json", "parents"],
];

/** "limit 1" keeps these look-ups by key, whatever the planner believes of the batch's size. */
const tables = `
  leased left join lateral (
    select payload, timeout_ms from job_record where job_id = leased.job_id and leased.dataset_id is null limit 1) as record on true
  left join lateral (select extra from dataset where dataset_id = leased.dataset_id limit 1) as plan on true
  left join lateral (
    select name, version, passthrough from product
    where dataset_id = leased.dataset_id and product_id = leased.product_id limit 1) as own on true`;

const parents = `case when leased.dataset_id is not null then (
    select json_agg(json_build_object('id', parent.product_id, 'name', parent.name, 'version', parent.version,
      'passback', parent.passback) order by parent.name, parent.product_id)::text
    from dependency join product as parent
      on parent.dataset_id = dependency.dataset_id and parent.product_id = dependency.parent_id
    where dependency.dataset_id = leased.dataset_id and dependency.child_id = leased.product_id
      and parent.state <> 'disabled') end`;

const picked = columns.map(([name, , sql]) => `${sql === "parents" ? parents : sql} as "${name}"`).join(", ");
const gathered = columns
  .map(([name, kind]) =>
    kind === "json"
      ? `case when count("${name}") > 0 then json_agg("${name}")::text end as "${name}"`
      : `string_agg("${name}"::text, ',') as "${name}"`,
  )
  .join(", ");

/** Leases the jobs of a CTE named `due`, whose text, with parameters from $3 on, is given; $1 is the holder, $2 the lease in ms. */
export function leaseStatement(due: string): string {
  return `
    with ${due},
    leased as (
      update job set state = 'leased', token = token + 1, worker_id = $1, started_at = null, held_by = null,
        lease_until = now() + $2::float8 * interval '1 millisecond'
      where job_id = any(array(select job_id from due))
      returning job.*),
    picked as (
      select ${picked} from ${tables}
      order by leased.priority desc, leased.run_at, leased.job_id)
    select (select version from policy_version) as "policyVersion", ${gathered} from picked`;
}

export interface Batch<Job> {
  readonly jobs: Job[];
  readonly policyVersion: number;
}

/** Runs it, and takes the batch apart into jobs. */
export async function runLease<Job>(sql: Sql, statement: string, values: SqlValue[]): Promise<Batch<Job>> {
  const [row] = await sql.query<Record<string, string | null> & { policyVersion: number }>(statement, values);
  if (row === undefined) throw new Error("A lease brought no row, not even one without jobs");
  const ids = row.jobId?.split(",") ?? [];
  const lists = columns.map(([name, kind]) => [name, valuesOf(row[name] ?? null, kind)] as const);
  // Its columns are the members of a job.
  const jobs = ids.map((_, i) => {
    const job: Record<string, unknown> = {};
    for (const [name, list] of lists) job[name] = list === null ? null : list[i];
    return job as Job;
  });
  return { jobs, policyVersion: row.policyVersion };
}

function valuesOf(text: string | null, kind: Kind): readonly unknown[] | null {
  if (text === null) return null;
  if (kind === "json") return JSON.parse(text) as unknown[]; // written by json_agg
  const list = text.split(",");
  return kind === "number" ? list.map(Number) : list;
}

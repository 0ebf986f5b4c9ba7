/**
 * The statement that leases jobs and brings all that their runs are given. A batch comes as one row, a column of it as one
 * text: decoding a row a job cost five times as much on our side, and a third of the statement on the server's.
 */
import type { DatasetId, JobId, ProductId } from "../model/ids.ts";
import type { JsonText } from "../model/json.ts";
import type { Sql, SqlValue } from "./sql.ts";

/** Which lease of which job. */
export interface Lease {
  readonly jobId: JobId;
  readonly token: number;
}

export interface LeasedJob extends Lease {
  readonly queue: string;
  readonly jobType: string;
  /** The bundle that it was leased in; null: a row of its own. */
  readonly bundleId: string | null;
  /** Attempts begun before this lease. */
  readonly attempt: number;
  /** Those of them that a stopping node gave back: they do not count against the maximum. */
  readonly returned: number;
  readonly attemptsMax: number;
  readonly concurrencyKey: string | null;
  /** Null, as is all of the product's, for a free-standing job. */
  readonly datasetId: DatasetId | null;
  readonly productId: ProductId | null;
  /** Of a free-standing job, as is the timeout. */
  readonly payload: JsonText | null;
  readonly timeoutMs: number | null;
  /** Seconds since it was due. */
  readonly waitedS: number;
  readonly extra: JsonText | null;
  readonly name: string | null;
  readonly version: string | null;
  readonly passthrough: JsonText | null;
  /** Those that are not disabled. */
  readonly parents: readonly LeasedParent[];
}

export interface LeasedParent {
  readonly id: ProductId;
  readonly name: string;
  readonly version: string;
  readonly passback: JsonText | null;
}

/** A free-standing job's, as far as it is a product's. */
export const ofNoProduct = {
  ...{ datasetId: null, productId: null, extra: null, name: null, version: null, passthrough: null, parents: [] },
} as const;

/** What is the same of all jobs that the statement that stored them has leased. */
export const firstLeased = {
  ...{ bundleId: null, token: 1, attempt: 0, returned: 0, waitedS: 0, concurrencyKey: null },
} as const;

export interface Leased {
  readonly jobs: LeasedJob[];
  /** As it is now. */
  readonly policyVersion: number;
}

/** `list`: never null and without commas, joined by them. `json`: anything, as a JSON array; null when all of it is null. */
type Kind = "list" | "json";

const columns = {
  jobId: ["list", "leased.job_id"],
  token: ["list", "leased.token"],
  attempt: ["list", "leased.attempt"],
  returned: ["list", "leased.returned"],
  attemptsMax: ["list", "leased.attempts_max"],
  waitedMs: ["list", "(extract(epoch from now() - leased.run_at) * 1000)::bigint"],
  queue: ["json", "leased.queue"],
  jobType: ["json", "leased.job_type"],
  concurrencyKey: ["json", "leased.concurrency_key"],
  datasetId: ["json", "leased.dataset_id"],
  productId: ["json", "leased.product_id"],
  payload: ["json", "record.payload"],
  timeoutMs: ["json", "record.timeout_ms"],
  extra: ["json", "plan.extra"],
  name: ["json", "own.name"],
  version: ["json", "own.version"],
  passthrough: ["json", "own.passthrough"],
  parents: ["json", "parents"],
} as const satisfies Record<string, readonly [kind: Kind, sql: string]>;

type Name = keyof typeof columns;
/** Of a statement that picks some of the columns: all of the others are null. */
type Row = Readonly<{ jobId: string | null } & Partial<Record<Name, string | null>>>;

/** Of a free-standing job in a lane without keys, all whose jobs are of one queue and type. */
const bundledNames: readonly Name[] = [
  "jobId",
  "token",
  "attempt",
  "returned",
  "attemptsMax",
  "waitedMs",
  "payload",
  "timeoutMs",
];
const allNames = Object.keys(columns) as Name[];

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
      'passback', parent.passback) order by parent.name collate "C", parent.product_id)::text
    from dependency join product as parent
      on parent.dataset_id = dependency.dataset_id and parent.product_id = dependency.parent_id
    where dependency.dataset_id = leased.dataset_id and dependency.child_id = leased.product_id
      and parent.state <> 'disabled') end`;

const picked = (names: readonly Name[]): string =>
  names.map((name) => `${name === "parents" ? parents : columns[name][1]} as "${name}"`).join(", ");
const gathered = (names: readonly Name[]): string =>
  names
    .map((name) =>
      columns[name][0] === "json"
        ? `case when count("${name}") > 0 then json_agg("${name}")::text end as "${name}"`
        : `string_agg("${name}"::text, ',') as "${name}"`,
    )
    .join(", ");
const inOrder = "order by leased.priority desc, leased.run_at, leased.job_id";
const version = `(select version from policy_version) as "policyVersion"`;

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
      select ${picked(allNames)} from ${tables} ${inOrder})
    select ${version}, ${gathered(allNames)} from picked`;
}

/**
 * Leases free-standing jobs of one lane in a bundle. Its columns are the jobs' in `job`, as arrays. They leave `job` by their
 * place: one that has moved since the statement began is left to the next claim.
 */
export const bundleStatement = `
    with due as materialized (
      select ctid as place from job
      where state = 'queued' and held_by is null and queue = $3 and job_type = $4 and keyed = false and dataset_id is null
        and (requires is null or requires <@ $5::text::text[]) and (select version from policy_version) = $6::bigint
      order by priority desc, run_at, job_id limit (select $7::int) for update skip locked),
    leased as (
      delete from job where ctid = any(array(select place from due))
      returning job_id, token + 1 as token, attempt, returned, attempts_max, run_at, priority, dataset_id),
    tied as (
      insert into bundle (bundle_id, worker_id, lease_until, queue, job_type, job_ids, tokens, attempts, returned)
      select $8::uuid, $1, now() + $2::float8 * interval '1 millisecond', $3, $4, array_agg(job_id), array_agg(token),
        array_agg(attempt), array_agg(returned)
      from leased having count(*) > 0),
    picked as (
      select ${picked(bundledNames)}
      from leased left join lateral (
        select payload, timeout_ms from job_record where job_id = leased.job_id limit 1) as record on true ${inOrder})
    select ${version}, ${gathered(bundledNames)} from picked`;

/** What is the same for all jobs of a bundle. */
export type InBundle = Pick<LeasedJob, "bundleId" | "queue" | "jobType">;

/** Runs it, and takes the batch apart into jobs. */
export async function runLease(
  sql: Sql,
  statement: string,
  values: SqlValue[],
  bundle: InBundle | null = null,
): Promise<Leased> {
  const [row] = await sql.query<Row & { policyVersion: number }>(statement, values);
  if (row === undefined) throw new Error("A lease brought no row, not even one without jobs");
  return { jobs: row.jobId === null ? [] : jobsOf(row, bundle), policyVersion: row.policyVersion };
}

const parentsOf = (text: string | null): LeasedParent[] => (text === null ? [] : JSON.parse(text)); // written by json_agg

function jobsOf(row: Row, bundle: InBundle | null): LeasedJob[] {
  const list = (text: string | null | undefined): string[] => text?.split(",") ?? [];
  const json = <Value>(text: string | null | undefined): ((i: number) => Value | null) => {
    if (text === null || text === undefined) return () => null;
    const values = JSON.parse(text) as (Value | null)[]; // written by json_agg
    return (i) => values[i] ?? null;
  };
  const token = list(row.token);
  const attempt = list(row.attempt);
  const returned = list(row.returned);
  const attemptsMax = list(row.attemptsMax);
  const waitedMs = list(row.waitedMs);
  const queue = json<string>(row.queue);
  const jobType = json<string>(row.jobType);
  const concurrencyKey = json<string>(row.concurrencyKey);
  const datasetId = json<DatasetId>(row.datasetId);
  const productId = json<ProductId>(row.productId);
  const payload = json<JsonText>(row.payload);
  const timeoutMs = json<number>(row.timeoutMs);
  const extra = json<JsonText>(row.extra);
  const name = json<string>(row.name);
  const version = json<string>(row.version);
  const passthrough = json<JsonText>(row.passthrough);
  const parents = json<string>(row.parents);
  return list(row.jobId).map((jobId, i) => ({
    jobId,
    bundleId: bundle?.bundleId ?? null,
    token: Number(token[i]),
    attempt: Number(attempt[i]),
    returned: Number(returned[i]),
    attemptsMax: Number(attemptsMax[i]),
    waitedS: Number(waitedMs[i]) / 1000,
    queue: bundle?.queue ?? queue(i) ?? "",
    jobType: bundle?.jobType ?? jobType(i) ?? "",
    concurrencyKey: concurrencyKey(i),
    datasetId: datasetId(i),
    productId: productId(i),
    payload: payload(i),
    timeoutMs: timeoutMs(i),
    extra: extra(i),
    name: name(i),
    version: version(i),
    passthrough: passthrough(i),
    parents: parentsOf(parents(i)),
  }));
}

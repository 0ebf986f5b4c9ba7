/**
 * Reads the audit backwards in time from its two sources: its own rows, by their ids, and the event rows of plans. No read
 * walks far: after a bounded number of rows it ends where it is, and the next page goes on from there.
 */
import { epochMsOf, type Instant, instantOf } from "../model/clock.ts";
import { type DatasetId, firstTimeUuid, type Uuid } from "../model/ids.ts";
import type { AuditRow } from "./audit.ts";
import { inOrder } from "./in-order.ts";
import type { Sql } from "./sql.ts";

export interface AuditFilter {
  readonly service: string | null;
  readonly action: string | null;
  readonly since: Instant | null;
  readonly datasetId: DatasetId | null;
}

/** What was read last of the audit's own rows, and of the events: rows before it come next. */
export interface OwnPlace {
  readonly auditId: Uuid;
}
export interface EventPlace {
  readonly at: Instant;
  readonly datasetId: DatasetId;
  readonly revision: number;
}

/** Some rows, the newest first. `to`: where the walk was given up; null when it came to the end, or has rows enough. */
export interface Walked<Row, Place> {
  readonly rows: Row[];
  readonly to: { readonly at: Instant; readonly place: Place } | null;
}

export interface EventAuditRow extends EventPlace {
  readonly turnId: Uuid;
  readonly service: string;
  readonly cause: string;
}

/** Rows that one statement may look at. */
const seenMax = 20_000;
/** Statements of one page. */
const stepsMax = 60;
const firstSpanMs = 5_000;
/** After an empty span the next one is so much longer: ten of them reach from now to 1970. */
const growth = 8;
const beginning: Instant = instantOf(0);
const greatestUuid = "ffffffff-ffff-ffff-ffff-ffffffffffff";

const instantText = (column: string): string =>
  `to_char(${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')`;

const ownStatement = (of: "all" | "dataset"): string => `
  with seen as materialized (
    select audit_id, at, service, action, target, status, request_id from audit
    where audit_id < $1::uuid and audit_id >= $2::uuid and ${of === "dataset" ? "dataset_id = $6::uuid" : "$6::uuid is null"}
    order by audit_id desc limit ${seenMax}),
  matched as (
    select * from seen where ($3::text is null or service = $3) and ($4::text is null or action = $4)
    order by audit_id desc limit $5::int),
  last as (select audit_id, at from seen order by audit_id offset 0 limit 1)
  select (select count(*)::int from seen) as "seen", last.audit_id as "lastId", ${instantText("last.at")} as "lastAt",
    m.audit_id as "auditId", ${instantText("m.at")} as "at", m.service, m.action, m.target, m.status, m.request_id as "requestId"
  from last left join matched m on true order by m.audit_id desc`;
const ownStatements = { all: ownStatement("all"), dataset: ownStatement("dataset") } as const;

export async function walkOwn(
  sql: Sql,
  filter: AuditFilter,
  before: OwnPlace | null,
  limit: number,
): Promise<Walked<AuditRow, OwnPlace>> {
  const { service, action, since, datasetId } = filter;
  const atLeast = firstTimeUuid(since === null ? 0 : epochMsOf(since));
  const values = [before?.auditId ?? greatestUuid, atLeast, service, action, limit, datasetId];
  const statement = ownStatements[datasetId === null ? "all" : "dataset"];
  const rows = await inOrder(sql, (tx) =>
    tx.query<AuditRow & { seen: number; lastId: Uuid; lastAt: Instant; auditId: Uuid | null }>(statement, values),
  );
  const [first] = rows;
  const found = rows.flatMap(({ seen: _seen, lastId: _lastId, lastAt: _lastAt, ...row }) =>
    row.auditId === null || (since !== null && row.at < since) ? [] : [row],
  );
  const isCut = first !== undefined && first.seen >= seenMax && found.length < limit;
  return { rows: found, to: isCut ? { at: first.lastAt, place: { auditId: first.lastId } } : null };
}

/** Of one dataset by its key, of all by time. */
export function walkEvents(
  sql: Sql,
  filter: AuditFilter,
  before: EventPlace | null,
  limit: number,
  now: Instant,
): Promise<Walked<EventAuditRow, EventPlace>> {
  const { datasetId } = filter;
  return datasetId === null
    ? walkSpans(sql, filter, before, limit, now)
    : walkDataset(sql, { ...filter, datasetId }, before, limit);
}

async function walkDataset(
  sql: Sql,
  filter: AuditFilter & { datasetId: DatasetId },
  before: EventPlace | null,
  limit: number,
): Promise<Walked<EventAuditRow, EventPlace>> {
  const { service, action, datasetId } = filter;
  const since = filter.since ?? beginning;
  const rows = await inOrder(
    sql,
    (tx) => tx<EventAuditRow & { seen: number; lastRevision: number; lastAt: Instant; turnId: Uuid | null }>`
    with seen as materialized (
      select dataset_id, revision, part, turn_id, at, service, cause from event
      where dataset_id = ${datasetId}::uuid and revision < ${before?.revision ?? Number.MAX_SAFE_INTEGER}::bigint
      order by revision desc limit ${seenMax}),
    matched as (
      select * from seen where part = 0 and at >= ${since}::timestamptz
        and (${service}::text is null or service = ${service}) and (${action}::text is null or cause = ${action})
      order by revision desc limit ${limit}::int),
    last as (select revision, at from seen order by revision limit 1)
    select (select count(*)::int from seen) as "seen", last.revision as "lastRevision",
      to_char(last.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "lastAt",
      m.dataset_id as "datasetId", m.revision, m.turn_id as "turnId", m.service, m.cause,
      to_char(m.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "at"
    from last left join matched m on true order by m.revision desc`,
  );
  const [first] = rows;
  const found = rows.flatMap(({ seen: _seen, lastRevision: _last, lastAt: _at, ...row }) =>
    row.turnId === null ? [] : [row],
  );
  const isCut = first !== undefined && first.seen >= seenMax && found.length < limit && first.lastAt >= since;
  const place = isCut ? { at: first.lastAt, datasetId, revision: first.lastRevision } : null;
  return { rows: found, to: place === null ? null : { at: place.at, place } };
}

/**
 * Span by span, back from the newest; a span with too many rows is cut before it is sorted. The index on `at` is a BRIN one,
 * and nothing else here could be met by an index, so whatever the planner knows of the table it takes that.
 */
async function walkSpans(
  sql: Sql,
  filter: AuditFilter,
  before: EventPlace | null,
  limit: number,
  now: Instant,
): Promise<Walked<EventAuditRow, EventPlace>> {
  const since = filter.since ?? beginning;
  const rows: EventAuditRow[] = [];
  let spanMs = firstSpanMs;
  /** A span of this length was too long. */
  let tooLongMs = Number.POSITIVE_INFINITY;
  let until: Instant | "infinity" = before?.at ?? "infinity";
  for (let step = 0; step < stepsMax; step++) {
    const fromMs = epochMsOf(until === "infinity" ? now : until) - spanMs;
    const from = fromMs <= epochMsOf(since) ? since : instantOf(fromMs);
    // A millisecond is read whole, whatever it holds.
    const countMax = spanMs > 1 ? seenMax : seenMax * 100;
    const asked = { from, includesFrom: from === since, until, before, limit: limit - rows.length, countMax };
    const found = await readSpan(sql, filter, asked);
    if (found === null) {
      tooLongMs = spanMs;
      spanMs = Math.max(1, spanMs / growth);
      continue;
    }
    rows.push(...found.rows);
    if (rows.length >= limit || from === since) return { rows, to: null };
    until = from;
    if (found.seen < seenMax / growth / 2 && spanMs * growth < tooLongMs) spanMs *= growth;
  }
  // Everything at `until` or before is still to be read.
  const at = until === "infinity" ? now : until;
  return { rows, to: { at, place: { at, datasetId: greatestUuid, revision: Number.MAX_SAFE_INTEGER } } };
}

interface Span {
  readonly from: Instant;
  readonly includesFrom: boolean;
  /** Included. */
  readonly until: Instant | "infinity";
  readonly before: EventPlace | null;
  readonly limit: number;
  readonly countMax: number;
}

/** Null: the span holds more rows than may be looked at. */
async function readSpan(
  sql: Sql,
  { service, action }: AuditFilter,
  { from, includesFrom, until, before, limit, countMax }: Span,
): Promise<{ rows: EventAuditRow[]; seen: number } | null> {
  const rows = await sql<EventAuditRow & { seen: number; turnId: Uuid | null }>`
    with seen as materialized (
      select dataset_id, revision, part, turn_id, at, service, cause from event
      where at >= ${from}::timestamptz and at <= ${until}::timestamptz limit ${countMax + 1}::int),
    matched as (
      select * from seen where part = 0
        and (at > ${from}::timestamptz or ${includesFrom}::boolean)
        and (${service}::text is null or service = ${service}) and (${action}::text is null or cause = ${action})
        and (at, dataset_id, revision) < (${before?.at ?? "infinity"}::timestamptz, ${before?.datasetId ?? greatestUuid}::uuid,
          ${before?.revision ?? Number.MAX_SAFE_INTEGER}::bigint)
      order by at desc, dataset_id desc, revision desc limit ${limit}::int)
    select s.n as "seen", m.dataset_id as "datasetId", m.revision, m.turn_id as "turnId", m.service, m.cause,
      to_char(m.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "at"
    from (select count(*)::int as n from seen) s left join matched m on true
    order by m.at desc, m.dataset_id desc, m.revision desc`;
  const seen = rows[0]?.seen ?? 0;
  if (seen > countMax) return null;
  return { seen, rows: rows.flatMap(({ seen: _seen, ...row }) => (row.turnId === null ? [] : [row])) };
}

/** The embedded store has no autovacuum, which elsewhere keeps the summaries of new pages. */
export async function summarizeEvents(sql: Sql): Promise<void> {
  await sql`select brin_summarize_new_values('event_at'::regclass)`;
}

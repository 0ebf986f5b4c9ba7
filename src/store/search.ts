/**
 * Search of plans (CONTRACT.md §8), newest first, never by a scan of all: three characters or more go through the trigram
 * index; shorter ones, and those that very many plans hold, walk the index by recency, which soon fills a page. Whether the newest
 * plans fill it is looked at first: the trigram index would read all that hold a text before it gives the first.
 */
import type { Instant } from "../model/clock.ts";
import type { DatasetId } from "../model/ids.ts";
import type { JsonText } from "../model/json.ts";
import type { Sql } from "./sql.ts";

export interface SearchAsk {
  readonly text: string;
  /** From 0. */
  readonly page: number;
  /** Rows a page. */
  readonly limit: number;
  /** Look at the names of products too. */
  readonly inProducts?: boolean;
}

export interface SearchRow {
  readonly datasetId: DatasetId;
  readonly extra: JsonText | null;
  readonly modifiedAt: Instant;
}

export interface SearchPage {
  readonly rows: SearchRow[];
  readonly nextPage: number | null;
}

/** Up to this many matches are fetched and sorted; above it, one dataset in few matches and the walk is shorter. */
const sortedMax = 1000;
/** So many of the newest are looked at for each row up to the page's last: that finds a text that one plan in four holds. */
const newestEach = 4;
const newestMax = 2000;
/** A trigram has three. */
const indexedLengthMin = 3;
/** The walk may meet few matches on a large store: then it is given up with 503. */
const walkDeadlineMs = 5000;

export async function searchPlans(sql: Sql, ask: SearchAsk): Promise<SearchPage> {
  const text = ask.text.toLowerCase();
  // A control character is escaped in JSON, so none can match; the line break between id and extra must not.
  const rows = hasControlCharacter(text) ? [] : await find(sql, { ...ask, text });
  const hasMore = rows.length > ask.limit;
  return { rows: rows.slice(0, ask.limit), nextPage: hasMore ? ask.page + 1 : null };
}

async function find(sql: Sql, ask: SearchAsk): Promise<SearchRow[]> {
  const pattern = `%${ask.text.replace(/[\\%_]/g, "\\$&")}%`;
  // One more than a page, to know whether there is another one.
  const countMax = ask.limit + 1;
  const offset = ask.page * ask.limit;
  if (ask.text === "") return await newest(sql, countMax, offset);
  if ([...ask.text].length >= indexedLengthMin) {
    const found = await indexed(sql, ask.inProducts === true, [pattern, countMax, offset]);
    if (found !== null) return found;
  }
  return await walk(sql, ask.inProducts === true, [pattern, countMax, offset]);
}

const columns = `h.dataset_id as "datasetId", d.extra,
  to_char(h.modified_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as "modifiedAt"`;

/** Pages beyond any that people turn to: an offset that the database can count to. */
const offsetMax = 2_000_000_000;

async function newest(sql: Sql, countMax: number, offset: number): Promise<SearchRow[]> {
  if (offset > offsetMax) return [];
  return await sql.query<SearchRow>(
    `select ${columns} from (
       select dataset_id, modified_at from dataset_head order by modified_at desc, dataset_id limit $1::int offset $2::bigint
     ) as h join dataset d using (dataset_id) order by h.modified_at desc, h.dataset_id`,
    [countMax, offset],
  );
}

const holds = (inProducts: boolean): string => (inProducts ? "(body like $1 or names like $1)" : "body like $1");

/** Null when there are too many matches to sort. */
async function indexed(sql: Sql, inProducts: boolean, values: [string, number, number]): Promise<SearchRow[] | null> {
  const [pattern, countMax, offset] = values;
  // Beyond what is sorted only the number of matches is asked for.
  const isBeyond = offset >= sortedMax;
  const last = isBeyond ? countMax : offset + countMax;
  const rows = await sql.query<SearchRow & { found: number }>(
    `with newest as materialized (
       select h.dataset_id
       from (select dataset_id from dataset_head order by modified_at desc, dataset_id limit ${Math.min(newestMax, newestEach * last)}) as h
       cross join lateral (select body, names from dataset_search where dataset_id = h.dataset_id offset 0) as s
       where ${holds(inProducts)} limit ${last}),
     filled as materialized (select count(*) = ${last} as is_filled from newest),
     found as materialized (
       select dataset_id from dataset_search where not (select is_filled from filled) and ${holds(inProducts)}
       limit ${sortedMax + 1})
     select ${columns}, (select count(*)::int from found) as found
     from (select dataset_id from newest where (select is_filled from filled) union all select dataset_id from found) as f
     join dataset_head h using (dataset_id) join dataset d using (dataset_id)
     order by h.modified_at desc, h.dataset_id limit $2::int offset $3::bigint`,
    [pattern, countMax, isBeyond ? 0 : offset],
  );
  if ((rows[0]?.found ?? 0) > sortedMax) return null;
  return isBeyond ? [] : rows;
}

/** "offset 0" keeps the walk a walk: one look-up by key for each dataset, from the newest on. */
async function walk(sql: Sql, inProducts: boolean, values: [string, number, number]): Promise<SearchRow[]> {
  if (values[2] > offsetMax) return [];
  return await sql.query<SearchRow>(
    `select ${columns}
     from (select dataset_id, modified_at from dataset_head order by modified_at desc, dataset_id) as h
     cross join lateral (
       select extra, body, names from dataset join dataset_search using (dataset_id)
       where dataset_id = h.dataset_id offset 0
     ) as d
     where ${holds(inProducts)}
     limit $2::int offset $3::bigint`,
    values,
    walkDeadlineMs,
  );
}

function hasControlCharacter(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) < 0x20) return true;
  return false;
}

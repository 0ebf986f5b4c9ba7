/**
 * Somebody else's table on a Postgres of their own, into which a flow's payloads go: looked at once, then only inserted into, or updated where it
 * is asked to keep one row of each. Rows are keyed; a key that is there already is left as it is.
 */
import { Pools } from "./postgres-pool.ts";
import { Statements } from "./postgres-statement.ts";
import { array, SqlError } from "./sql.ts";

export interface SinkTableSettings {
  readonly url: string;
  /** `table` or `schema.table`, and columns: spelled as the database does, not yet quoted. */
  readonly table: string;
  readonly keyColumn: string;
  readonly columns: readonly string[];
  /** Null: a row for each key. */
  readonly upsert: Upsert | null;
}

/** One row for each value of `on`, which the next one replaces; with `newest` only one whose value there is not smaller. Some of the columns. */
export interface Upsert {
  readonly on: readonly string[];
  readonly newest: string | null;
}

/** The key, then one text for each column, as Postgres reads the column's type. */
export type SinkRow = readonly [key: string, ...values: (string | null)[]];

export interface SinkTable {
  /** Throws `TableUnfit` when rows cannot go there, `SqlError` when the database cannot be asked. Says which columns hold JSON. */
  inspect(): Promise<ReadonlySet<string>>;
  /** For each row null when it is there, or the database's reason to refuse it. Throws when that is not known: insert again. */
  insert(rows: readonly SinkRow[], signal: AbortSignal): Promise<readonly (string | null)[]>;
  close(): Promise<void>;
}

/** What whoever runs the database must change first. */
export class TableUnfit extends Error {
  override readonly name = "TableUnfit";
}

const inspectMs = 10_000;
/** Far above any sensible timeout of a sink, whose signal ends a batch sooner. */
const insertMs = 60_000;

/** SQLSTATE classes, beside those of `data`, that one row brings about: a view's check, an index entry too long, a trigger's exception. */
const rowClasses = new Set(["44", "54", "P0"]);

const log = { debug() {}, warn() {} }; // the errors say it all

interface Column {
  readonly name: string;
  readonly type: string;
  /** The type itself, or what a domain is made of. */
  readonly base: string;
  /** Never null. */
  readonly required: boolean;
}

export function openSinkTable({ url, table, keyColumn, columns, upsert }: SinkTableSettings): SinkTable {
  const pools = new Pools({ url, connectionsMax: 1, deadlineMs: insertMs, applicationName: "orrery sink" }, log);
  const statements = new Statements(pools);
  const quotedTable = table.split(".").map(quoted).join(".");
  let statement: string | null = null;

  const run = <Row extends object>(text: string, values: string[], deadlineMs: number, signal?: AbortSignal) => {
    const pool = pools.current;
    const asked = { text, values, deadlineMs, ...(signal && { signal }) };
    return statements.run<Row>(asked, pool, pool.connections);
  };

  async function inspect(): Promise<ReadonlySet<string>> {
    const [relation] = await run<{ kind: string }>(relationText, [quotedTable], inspectMs);
    if (relation === undefined) throw new TableUnfit(`there is no table ${quotedTable}`);
    if (!["r", "p"].includes(relation.kind)) throw new TableUnfit(`${quotedTable} is not a table`);
    const known = await run<Column>(columnsText, [quotedTable], inspectMs);
    const found = [keyColumn, ...columns].map((name) => {
      const column = known.find((one) => one.name === name);
      if (column === undefined) throw new TableUnfit(`table ${quotedTable} has no column ${quoted(name)}`);
      return column;
    });
    if (!["text", "character varying"].includes(found[0]?.base ?? ""))
      throw new TableUnfit(`the type of its key column ${quoted(keyColumn)} is ${found[0]?.type}: it must be text`);
    const one = upsert?.on ?? [keyColumn];
    const list = one.map(quoted).join(", ");
    if ((await run(uniqueIndexText, [quotedTable, array(one)], inspectMs)).length === 0)
      throw new TableUnfit(
        `it has no unique index of ${list}, so that a redelivery would be written twice: create unique index on ${quotedTable} (${list})`,
      );
    const open = upsert?.on.find((name) => known.some((column) => column.name === name && !column.required));
    if (open !== undefined)
      throw new TableUnfit(
        `its column ${quoted(open)} may be null, and each row with a null is another one: ` +
          `alter table ${quotedTable} alter ${quoted(open)} set not null`,
      );
    const text = insertText(quotedTable, found, upsert);
    // Plans the insert without running it, which finds what the catalogue was not asked: privileges, generated columns.
    await run(
      `explain ${text}`,
      found.map(() => "{}"),
      inspectMs,
    );
    statement = text;
    return new Set(found.filter(({ base }) => base === "json" || base === "jsonb").map(({ name }) => name));
  }

  /** Null when all are written, else why none is. */
  async function refusalOf(rows: readonly SinkRow[], signal: AbortSignal): Promise<string | null> {
    if (statement === null) throw new Error("Cannot insert into a table that was not inspected");
    const values = [keyColumn, ...columns].map((_, i) => array(rows.map((row) => row[i] ?? null)));
    try {
      await run(statement, values, insertMs, signal);
      return null;
    } catch (error) {
      if (error instanceof SqlError && (error.fault === "data" || rowClasses.has(error.sqlState?.slice(0, 2) ?? "")))
        return error.message;
      throw error;
    }
  }

  /** One statement, and no more unless a row is refused: then halves, until it stands alone. */
  async function insert(rows: readonly SinkRow[], signal: AbortSignal): Promise<readonly (string | null)[]> {
    if (rows.length === 0) return [];
    const refusal = await refusalOf(rows, signal);
    if (refusal === null || rows.length === 1) return rows.map(() => refusal);
    const half = Math.ceil(rows.length / 2);
    const first = await insert(rows.slice(0, half), signal);
    return [...first, ...(await insert(rows.slice(half), signal))];
  }

  return { inspect, insert, close: () => pools.close() };
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

/** One text for any number of rows. Each value is read as its column's type without that type's length, which the assignment checks. */
function insertText(table: string, columns: readonly Column[], upsert: Upsert | null): string {
  const names = columns.map(({ name }) => quoted(name));
  // By number, as any name of ours may be one of theirs.
  const given = columns.map((_, i) => `c${i}`);
  const typed = columns.map(({ type }, i) => `c${i}::${type} as c${i}`).join(", ");
  const places = columns.map((_, i) => `$${i + 1}::text::text[]`).join(", ");
  const rows = `(select ${typed}, ordinal from unnest(${places}) with ordinality as texts (${given.join(", ")}, ordinal)) as rows`;
  const insert = `insert into ${table} as stored (${names.join(", ")})`;
  if (upsert === null) return `${insert} select ${given.join(", ")} from ${rows} on conflict (${names[0]}) do nothing`;
  const givenOf = (name: string) => `c${columns.findIndex((column) => column.name === name)}`;
  const on = upsert.on.map(givenOf).join(", ");
  const newest = upsert.newest === null ? null : quoted(upsert.newest);
  const newestFirst = upsert.newest === null ? "" : `${givenOf(upsert.newest)} desc nulls last, `;
  // One statement may touch a row once; and rows are locked in one order, so that two nodes never wait for each other.
  return `${insert} select distinct on (${on}) ${given.join(", ")} from ${rows} order by ${on}, ${newestFirst}ordinal desc
    on conflict (${upsert.on.map(quoted).join(", ")}) do update set ${names.map((name) => `${name} = excluded.${name}`).join(", ")}
    ${newest === null ? "" : `where stored.${newest} is null or excluded.${newest} >= stored.${newest}`}`;
}

const relationText = "select relkind::text as kind from pg_class where oid = to_regclass($1::text)";

const columnsText = `select attname::text as name, format_type(atttypid, -1) as type,
    format_type(case typtype when 'd' then typbasetype else atttypid end, -1) as base, attnotnull as required
  from pg_attribute join pg_type on pg_type.oid = atttypid
  where attrelid = to_regclass($1::text) and attnum > 0 and not attisdropped`;

/** What `on conflict` can lean on: of these columns alone, of all rows, checked at once. */
const uniqueIndexText = `select 1 as found from pg_index
  where indrelid = to_regclass($1::text) and indisunique and indisvalid and indimmediate and indpred is null and indexprs is null
    and (select array_agg(attname::text order by attname) from pg_attribute
         where attrelid = indrelid and attnum = any(indkey[:indnkeyatts - 1]))
      = (select array_agg(name order by name) from unnest($2::text::text[]) as name)`;

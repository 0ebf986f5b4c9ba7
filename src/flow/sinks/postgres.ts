/**
 * Inserts deliveries into a table on a Postgres, one row each, keyed: a redelivery finds its key there and writes nothing. With `upsert` the table has
 * one row for each value of some columns, which the next payload replaces.
 */
import * as v from "valibot";
import { messageOf } from "../../compute/function.ts";
import { variable } from "../../config-computes.ts";
import { SetupError } from "../../model/errors.ts";
import { openSinkTable, type SinkRow, type SinkTable } from "../../store/sink-table.ts";
import { SqlError, type SqlFault } from "../../store/sql.ts";
import { isTlsFault, unusable } from "../away.ts";
import type { Delivery, Outcome, Sink } from "../sink.ts";
import { notJson, payloadJson } from "./payload-json.ts";
import { valueAt } from "./payload-path.ts";
import { cannotUse, type SinkParts } from "./setup.ts";

const identifier = "[A-Za-z_][A-Za-z0-9_]{0,62}";
const columnName = v.pipe(
  v.string(),
  v.regex(new RegExp(`^${identifier}$`), "must be letters, digits and _, at most 63"),
);

export const postgresSink = v.strictObject({
  kind: v.literal("postgres"),
  /** The environment variable that holds the URL. */
  url_env: variable,
  table: v.pipe(
    v.string(),
    v.regex(
      new RegExp(`^(${identifier}\\.)?${identifier}$`),
      "must be a table, or a schema and a table: public.readings",
    ),
  ),
  key_column: v.optional(columnName, "idempotency_key"),
  /** Each column's path in the payload, `reading.at`; `$` is the whole payload as JSON. What is not there is NULL. */
  columns: v.pipe(
    v.record(columnName, v.pipe(v.string(), v.regex(/^[^.]+(\.[^.]+)*$/, "must be names with dots between, or $"))),
    v.check((columns) => Object.keys(columns).length > 0, "must name a column"),
  ),
  /** One row for each value of `on`. `newest`: a payload whose value there is smaller than the row's is left out, such as an old one that comes again. */
  upsert: v.optional(
    v.strictObject({
      on: v.pipe(v.array(columnName), v.minLength(1), v.maxLength(20)),
      newest: v.optional(columnName),
    }),
  ),
});

export function createPostgresSink(
  name: string,
  { url_env, table, key_column, columns, upsert }: v.InferOutput<typeof postgresSink>,
  { environment }: SinkParts,
): Sink {
  /** Each column with its path; null: the whole payload. */
  const paths = Object.entries(columns).map(
    ([column, path]) => [column, path === "$" ? null : path.split(".")] as const,
  );
  let open: SinkTable | null = null;
  let jsonColumns: ReadonlySet<string> = new Set();

  const setupError = (reason: string) => new SetupError(`${cannotUse(name)}: ${reason}`);

  function openTable(): SinkTable {
    const url = environment[url_env];
    if (!url) throw setupError(`${url_env} is not set`);
    if (Object.hasOwn(columns, key_column))
      throw setupError(`column ${key_column} is its key_column, and cannot be one of columns`);
    const stray = [...(upsert?.on ?? []), upsert?.newest].find(
      (name) => name !== undefined && !Object.hasOwn(columns, name),
    );
    if (stray !== undefined) throw setupError(`upsert names ${stray}, which is none of columns`);
    try {
      const kept = upsert === undefined ? null : { on: [...new Set(upsert.on)], newest: upsert.newest ?? null };
      return openSinkTable({ url, table, keyColumn: key_column, columns: Object.keys(columns), upsert: kept });
    } catch {
      // What is thrown may quote the URL, and that holds a password.
      throw setupError(`${url_env} does not hold a URL of Postgres`);
    }
  }

  return {
    async check() {
      open ??= openTable();
      try {
        jsonColumns = await open.inspect();
      } catch (error) {
        throw unusable(isAway(error), `${cannotUse(name)}: ${messageOf(error)}`);
      }
    },
    async deliver(batch: readonly Delivery[], signal: AbortSignal): Promise<readonly Outcome[]> {
      if (open === null) throw new Error(`Cannot deliver to sink "${name}": it was not checked`);
      const rows = batch.map(({ key, payload }) => rowOf(key, payload, paths, jsonColumns));
      const fit = rows.filter((row) => row !== null);
      const refusals = (await open.insert(fit, signal)).values();
      return rows.map((row) => {
        if (row === null) return notJson;
        const reason = refusals.next().value;
        return typeof reason === "string" ? { kind: "refused", reason } : { kind: "ok" };
      });
    },
    async close() {
      await open?.close();
      open = null;
    },
  };
}

const awayFaults: ReadonlySet<string> = new Set<SqlFault>(["unavailable", "unknown", "retry"]);

const isAway = (error: unknown): boolean =>
  error instanceof SqlError && awayFaults.has(error.fault) && !isTlsFault(error);

function rowOf(
  key: string,
  payload: unknown,
  paths: readonly (readonly [string, readonly string[] | null])[],
  jsonColumns: ReadonlySet<string>,
): SinkRow | null {
  const whole = payloadJson(payload);
  if (whole === null) return null;
  return [
    key,
    ...paths.map(([column, path]) => (path === null ? whole : textOf(valueAt(payload, path), jsonColumns.has(column)))),
  ];
}

function textOf(value: unknown, isJson: boolean): string | null {
  if (value === undefined || value === null) return null;
  return isJson || typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** The way to a store, for tests that cut it. */
import { type Database, type Sql, SqlError, type SqlValue } from "../../src/store/sql.ts";

/** A store that can be cut off, or lose the answers to transactions that it has done. */
export function cuttable(database: Database) {
  let isCut = false;
  let loseBegins = 0;
  let refusedBegins = 0;
  const gate = (): void => {
    if (isCut) throw new SqlError("unavailable", null, "cut off");
  };
  const { sql } = database;
  const gated = async <Row extends object>(strings: TemplateStringsArray, ...values: SqlValue[]): Promise<Row[]> => {
    gate();
    return sql<Row>(strings, ...values);
  };
  const cut: Sql = Object.assign(gated, {
    query: async <Row extends object>(text: string, values: SqlValue[]): Promise<Row[]> => {
      gate();
      return sql.query<Row>(text, values);
    },
    begin: async <T>(work: (tx: Sql) => Promise<T>): Promise<T> => {
      if (isCut) refusedBegins += 1;
      gate();
      const done = await sql.begin(work);
      if (loseBegins > 0) {
        loseBegins -= 1;
        throw new SqlError("unknown", null, "the answer was lost");
      }
      return done;
    },
    script: (text: string) => sql.script(text),
  });
  return {
    database: { ...database, sql: cut },
    cut: () => {
      isCut = true;
    },
    restore: () => {
      isCut = false;
    },
    /** Transactions that were asked for while it was cut. */
    refusedBegins: () => refusedBegins,
    loseAnswersToBegin: (count: number) => {
      loseBegins = count;
    },
  };
}

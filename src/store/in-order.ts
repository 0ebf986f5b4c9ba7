/** Reads that walk along a key: a walk it stays, whatever the planner thought of the table when it first saw the statement. */
import type { Sql } from "./sql.ts";

/**
 * Without bitmaps only the key's own order is left. A plan may be made while a table is small, when a sort of all that fits looks
 * cheap, and is kept; compiling a statement (jit) would take longer than the walk.
 */
export function inOrder<Row>(sql: Sql, read: (tx: Sql) => Promise<Row[]>): Promise<Row[]> {
  return sql.begin(async (tx) => {
    await tx`select set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true)`;
    return await read(tx);
  });
}

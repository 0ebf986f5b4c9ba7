/**
 * A table of parameters: two for each column, its values as an array, or the one value in which all rows agree. That is most
 * columns of a batch, and need not be taken apart a row. The first column is always an array, and says how many rows there are.
 */
import { array, type SqlValue } from "./sql.ts";

/** Types by name, in order. */
export type ColumnTypes = Readonly<Record<string, string>>;

/** How many parameters a table of these columns takes. */
export const parameterCount = (columns: ColumnTypes): number => Object.keys(columns).length * 2;

/** A subquery; `first` is the number of its first parameter. */
export function parameterTable(columns: ColumnTypes, first: number): string {
  const all = Object.entries(columns);
  const values = all.map(([name, type], i) => `coalesce(${name}, $${first + i * 2 + 1}::${type}) as ${name}`);
  const arrays = all.map(([, type], i) => `$${first + i * 2}::text::${type}[]`);
  return `(select ${values.join(", ")} from unnest(${arrays.join(", ")}) as given (${Object.keys(columns).join(", ")}))`;
}

/** The parameters of such a table, by column. */
export function parametersOf(columns: readonly (readonly SqlValue[])[]): SqlValue[] {
  return columns.flatMap((column, i) => (i > 0 && isSame(column) ? ["{}", column[0] ?? null] : [array(column), null]));
}

const isSame = (column: readonly SqlValue[]): boolean => column.every((value) => value === column[0]);

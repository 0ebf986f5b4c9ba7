/** How timestamps leave the database: as an `Instant`. */

/** SQL of a column as RFC 3339 in UTC with microseconds; null stays null. */
export const instantText = (column: string): string =>
  `to_char(${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')`;

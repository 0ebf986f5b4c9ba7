/** A list that the server gives in pages, as one. */
import type { Client, Query } from "./client.ts";

/** `total` only where the route counts. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly next_cursor: string | null;
  readonly total?: number;
}

const pageRowsMax = 200;
/** A page under a filter may hold no row and still have a next one: the server walks so far at a time. */
const emptyPagesMax = 100;

/** Up to `limit` rows, in as many requests as that takes. */
export async function readPages<Row>(
  client: Client,
  path: string,
  query: Query & { limit: number; cursor?: string | undefined },
): Promise<Page<Row>> {
  const rows: Row[] = [];
  let cursor = query.cursor;
  for (let empty = 0; ; ) {
    const limit = Math.min(query.limit - rows.length, pageRowsMax);
    const page = await client.get<Page<Row>>(path, { ...query, limit, cursor });
    rows.push(...page.rows);
    cursor = page.next_cursor ?? undefined;
    empty = page.rows.length === 0 ? empty + 1 : 0;
    if (cursor === undefined || rows.length >= query.limit || empty >= emptyPagesMax)
      return { ...page, rows, next_cursor: cursor ?? null };
  }
}

/** Below a table: that there is more. */
export const moreText = ({ rows, next_cursor }: Page<unknown>): string =>
  next_cursor === null ? "" : `… more: --limit ${rows.length * 2} or --cursor ${next_cursor}\n`;

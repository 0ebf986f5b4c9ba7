/** Lists in pages: what is asked for, and one page of it. */
import { z } from "@hono/zod-openapi";

/** Of a list by name. */
export const PageQuery = z.object({
  after: z.string().optional().openapi({ description: "The `next_after` of the page before" }),
  limit: z.string().optional().openapi({ type: "integer", minimum: 1, maximum: 1000, default: 200 }),
});

/** One page: `rows` holds one more than `limit` when there is another one. `idOf`: what the next page comes after. */
export function pageOf<Row>(rows: readonly Row[], limit: number, idOf: (row: Row) => string) {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { shown, nextCursor: rows.length > limit && last !== undefined ? idOf(last) : null };
}

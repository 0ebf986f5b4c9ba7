/** The rows of a search: what `/component/plan_search` answers, and what the home page already holds. */
import type { Instant } from "../model/clock.ts";
import type { DatasetId } from "../model/ids.ts";
import type { JsonText } from "../model/json.ts";
import { escapeHtml, timeMarkup } from "./markup.ts";

export interface Found {
  readonly rows: readonly {
    readonly datasetId: DatasetId;
    readonly extra: JsonText | null;
    readonly modifiedAt: Instant;
  }[];
  readonly nextPage: number | null;
}

/** Rows in search order; the last one loads the next page when it comes into view. Nothing found: nothing at all. */
export function searchRows(found: Found, searchBy: string, nowMs: number): string {
  let markup = "";
  for (const { datasetId, extra, modifiedAt } of found.rows) {
    markup +=
      `<tr><td><a class="id" href="/plan/${datasetId}">${datasetId}</a></td>` +
      `<td>${timeMarkup(modifiedAt, nowMs)}</td>` +
      `<td><code class="extra">${extra === null ? "null" : escapeHtml(extra)}</code></td></tr>`;
  }
  if (found.nextPage === null) return markup;
  const query = escapeHtml(new URLSearchParams({ search_by: searchBy, page: String(found.nextPage) }).toString());
  return `${markup}<tr id="search_pagination" hx-get="/component/plan_search?${query}" hx-trigger="revealed" hx-swap="outerHTML"><td colspan="3"><a href="/?${query}">Older plans</a></td></tr>`;
}

/** @jsxImportSource hono/jsx */
/** The home page: the search of plans with its first rows, and above it the newest passes. It stays live until the reader asks for other rows. */
import { raw } from "hono/html";
import { document, LiveNote } from "./layout.tsx";
import type { Look } from "./look.ts";
import { type Found, searchRows } from "./search-rows.ts";
import { livePart } from "./tabs.tsx";

export interface Home {
  readonly found: Found;
  readonly searchBy: string;
  /** Markup of the current and recent passes; empty when there are none. */
  readonly passes: string;
}

export function homePage(home: Home, look: Look): string {
  return document(
    { section: "plans", look, htmx: true, islands: ["part.js", "home.js"] },
    livePart(homePart(home, look), look),
  );
}

export function homePart({ found, searchBy, passes }: Home, look: Look): string {
  return String(
    <>
      {passes === "" ? null : raw(passes)}
      <div class="title">
        <h1>Search</h1>
        <span class="spacer" />
        <LiveNote />
      </div>
      <search>
        <form class="find" action="/" method="get">
          <input
            type="search"
            name="search_by"
            id="search_by_input"
            value={searchBy}
            placeholder="Dataset id, or any text of its extra JSON"
            aria-label="Search plans"
            autocomplete="off"
            spellcheck={false}
            hx-get="/component/plan_search?page=0"
            hx-trigger="input changed delay:200ms"
            hx-sync="this:replace"
            hx-target="#search_results"
            hx-swap="innerHTML"
          />
          <button type="submit">Search</button>
        </form>
      </search>
      <div class="card">
        <table class="search stack">
          <thead>
            <tr>
              <th>Dataset ID</th>
              <th>Modified Date</th>
              <th>Extra</th>
            </tr>
          </thead>
          <tbody id="search_results">{raw(searchRows(found, searchBy, look.nowMs))}</tbody>
        </table>
        <div class="empty">
          <strong>No plan found</strong>
          <p>
            Try fewer characters, or publish a plan with <code>POST /api/plan</code>: the <a href="/swagger">API</a>{" "}
            shows how. A pass with a template makes one by itself.
          </p>
        </div>
      </div>
    </>,
  );
}

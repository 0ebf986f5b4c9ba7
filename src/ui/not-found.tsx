/** @jsxImportSource hono/jsx */
/** The page for every path that leads nowhere. */
import { document } from "./layout.tsx";
import type { Look } from "./look.ts";

export function notFoundPage(look: Look): string {
  return document(
    { section: null, look },
    String(
      <>
        <h1>Not found</h1>
        <div class="block card empty">
          <strong>There is nothing at this address</strong>
          <p>
            A plan's page is <code>/plan/</code> and its dataset id. <a href="/">Search the plans</a> or look at the{" "}
            <a href="/pass">passes</a>.
          </p>
        </div>
      </>,
    ),
  );
}

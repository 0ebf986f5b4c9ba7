/** @jsxImportSource hono/jsx */
/** What every page has: title, header with the logo, navigation, footer, and the assets it names. */
import { raw } from "hono/html";
import type { Child, FC } from "hono/jsx";
import { mayInspect } from "../http/inspect-access.ts";
import { assetUrl } from "./assets.ts";
import type { Look } from "./look.ts";

export type Section = "plans" | "passes" | "flows" | "jobs" | "templates" | "inspect" | null;

interface LayoutProps {
  readonly section: Section;
  readonly look: Pick<Look, "viewer" | "path">;
  /** Islands to load, by asset name. */
  readonly islands?: readonly string[];
  readonly htmx?: boolean;
  readonly children?: Child;
}

/** Errors are not swapped into a page, no style is injected, history is left to the browser and to HX-Replace-Url. */
const htmxConfig = JSON.stringify({ includeIndicatorCSS: false, noSwap: [204, 304, "4xx", "5xx"] });

const Layout: FC<LayoutProps> = ({ section, look, islands = [], htmx = false, children }) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <title>Orrery</title>
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <link rel="icon" type="image/svg+xml" href={assetUrl("logo.svg")} />
      <link rel="stylesheet" href={assetUrl("orrery.css")} />
      {htmx ? <meta name="htmx-config" content={htmxConfig} /> : null}
      {htmx ? <script defer src={assetUrl("htmx.js")} /> : null}
      {["relative-time.js", "keys.js", ...islands].map((name) => (
        <script type="module" src={assetUrl(name)} />
      ))}
    </head>
    <body>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <header class="top">
        <div>
          <a class="brand" href="/">
            <Logo />
            Orrery
          </a>
          <nav aria-label="Main">
            <a href="/" aria-current={section === "plans" ? "true" : undefined}>
              Plans
            </a>
            <a href="/pass" aria-current={section === "passes" ? "true" : undefined}>
              Passes
            </a>
            <a href="/flow" aria-current={section === "flows" ? "true" : undefined}>
              Flows
            </a>
            <a href="/job" aria-current={section === "jobs" ? "true" : undefined}>
              Jobs
            </a>
            <a href="/template" aria-current={section === "templates" ? "true" : undefined}>
              Templates
            </a>
            {look.viewer !== null && mayInspect(look.viewer) ? (
              <a href="/inspect" aria-current={section === "inspect" ? "true" : undefined}>
                Inspect
              </a>
            ) : null}
            <a href="/swagger">API</a>
          </nav>
          <Viewer {...look} />
        </div>
      </header>
      <main id="main">{children}</main>
      <footer class="foot">
        Times are relative to now; point at one for the exact instant, in UTC and yours. <kbd>?</kbd> shows the keys.
      </footer>
    </body>
  </html>
);

/** Who looks, and how to change that. */
const Viewer: FC<LayoutProps["look"]> = ({ viewer, path }) =>
  viewer === null ? (
    <a class="viewer" href={`/sign-in?${new URLSearchParams({ next: path })}`}>
      Sign in
    </a>
  ) : (
    <form class="viewer" method="post" action="/session/end">
      <span title={viewer.roles.length === 0 ? "No roles" : `Roles: ${viewer.roles.join(", ")}`}>{viewer.service}</span>
      <button type="submit">Sign out</button>
    </form>
  );

/** An orrery: a sun, two orbits, two planets on their arms. */
const Logo: FC = () => (
  <svg viewBox="0 0 32 32" fill="none" stroke="currentColor" stroke-width="1.6" aria-hidden="true">
    <circle cx="16" cy="16" r="13.2" opacity=".45" />
    <circle cx="16" cy="16" r="8.2" opacity=".75" />
    <path d="M16 16 25.3 6.7M16 16 9.7 21.3" stroke-linecap="round" />
    <circle cx="16" cy="16" r="3.6" fill="currentColor" stroke="none" />
    <circle cx="25.3" cy="6.7" r="2.9" fill="currentColor" stroke="none" />
    <circle cx="9.7" cy="21.3" r="2" fill="currentColor" stroke="none" />
  </svg>
);

interface CrumbsProps {
  /** From the root to the page itself: its name and address. */
  readonly trail: readonly (readonly [string, string])[];
  /** Beside them, whether the page hears of changes. */
  readonly isLive?: boolean;
}

export const Crumbs: FC<CrumbsProps> = ({ trail, isLive = false }) => (
  <div class="crumbs">
    <nav aria-label="Breadcrumb">
      <ol>
        {trail.map(([name, href], i) => (
          <li>
            <a href={href} aria-current={i === trail.length - 1 ? "page" : undefined}>
              {name}
            </a>
          </li>
        ))}
      </ol>
    </nav>
    {isLive ? <LiveNote /> : null}
  </div>
);

/** Filled in by the island that hears. */
export const LiveNote: FC = () => <span class="live-note" id="live_state" role="status" data-own hidden />;

/** A whole document. `body` is markup that was made here, already escaped. */
export function document(props: Omit<LayoutProps, "children">, body: string): string {
  return `<!doctype html>${<Layout {...props}>{raw(body)}</Layout>}`;
}

/** The headers of every page: nothing is loaded from elsewhere, nothing inline runs, nobody frames us. */
import type { Context } from "hono";

export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

/** An HTML answer. `no-cache`: a page that is gone back to is asked for again. */
export function htmlAnswer(c: Context, html: string, status: 200 | 403 | 404 = 200): Response {
  c.header("Content-Type", "text/html; charset=utf-8");
  c.header("Content-Security-Policy", contentSecurityPolicy);
  c.header("Cache-Control", "no-cache");
  c.header("X-Content-Type-Options", "nosniff");
  c.header("Referrer-Policy", "same-origin");
  return c.body(html, status);
}

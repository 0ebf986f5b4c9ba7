/** Swagger UI for the OpenAPI document. Its files are served by us and nothing is inline, so that the strict policy of all pages holds. */
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { Hono } from "hono";
import { assetUrl } from "../ui/assets.ts";
import { htmlAnswer } from "../ui/page-headers.ts";

const css = "text/css; charset=utf-8";
const javascript = "text/javascript; charset=utf-8";

/** Read when first asked for: 1.9 MB that most processes never need. */
const files: Readonly<Record<string, { type: string; load: () => Promise<{ default: string }> }>> = {
  "swagger-ui.css": { type: css, load: () => import("swagger-ui-dist/swagger-ui.css", { with: { type: "text" } }) },
  "swagger-ui.js": {
    type: javascript,
    load: () => import("swagger-ui-dist/swagger-ui-bundle.js", { with: { type: "text" } }),
  },
  "start.js": { type: javascript, load: async () => ({ default: startScript }) },
};

const startScript = `window.ui = SwaggerUIBundle({
  url: "/spec",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
`;

const page = (): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Orrery</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" type="image/svg+xml" href="${assetUrl("logo.svg")}">
<link rel="stylesheet" href="/assets/swagger/swagger-ui.css">
<script defer src="/assets/swagger/swagger-ui.js"></script>
<script defer src="/assets/swagger/start.js"></script>
</head>
<body>
<nav><a href="/">Orrery</a></nav>
<main id="swagger-ui"></main>
</body>
</html>
`;

interface File {
  readonly type: string;
  readonly text: string;
  readonly gzipped: Uint8Array<ArrayBuffer>;
}

const gzipApart = promisify(gzip);

export function swaggerRoutes(): Hono {
  const loaded = new Map<string, Promise<File>>();
  const routes = new Hono();
  routes.get("/swagger", (c) => htmlAnswer(c, page()));
  routes.get("/assets/swagger/:name", async (c) => {
    const name = c.req.param("name");
    const file = Object.hasOwn(files, name) ? files[name] : undefined;
    if (file === undefined) return c.body(null, 404);
    const ready = loaded.get(name) ?? load(file);
    loaded.set(name, ready);
    const { type, text, gzipped } = await ready;
    const headers: Record<string, string> = {
      "Content-Type": type,
      "Cache-Control": "public, max-age=86400",
      "X-Content-Type-Options": "nosniff",
      Vary: "Accept-Encoding",
    };
    if (!/\bgzip\b/.test(c.req.header("Accept-Encoding") ?? "")) return c.body(text, 200, headers);
    return c.body(gzipped, 200, { ...headers, "Content-Encoding": "gzip" });
  });
  return routes;
}

async function load({ type, load }: { type: string; load: () => Promise<{ default: string }> }): Promise<File> {
  const { default: text } = await load();
  return { type, text, gzipped: new Uint8Array(await gzipApart(text)) };
}

/**
 * `/openmct/`: a stock Open MCT with our plugin. Open MCT itself, 58 MB, is no part of Orrery: it is served from the npm package
 * beside orrery.yaml, or where Orrery is started, when somebody has installed it there.
 */
import { readFile } from "node:fs/promises";
import { extname, join, sep } from "node:path";
import { Hono } from "hono";
import * as plugin from "../../examples/openmct/orrery.js" with { type: "text" };
import * as start from "../../examples/openmct/start.js" with { type: "text" };
import type { Config } from "../config.ts";

/** Open MCT writes styles into its page, and compiles its templates. Nothing is loaded from elsewhere. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self' 'unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Orrery in Open MCT</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="/openmct/dist/favicons/favicon-32x32.png">
<script src="/openmct/dist/openmct.js"></script>
<script type="module" src="/openmct/start.js"></script>
</head>
<body></body>
</html>
`;

const howTo = `Open MCT is not installed here. In the folder from which Orrery is started, run

    npm install openmct

and load this page again. Its data is served without it: see /openmct/dictionary.
`;

const types: Readonly<Record<string, string>> = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".ico": "image/x-icon",
  ".woff": "font/woff",
  ".woff2": "font/woff2",
  ".map": "application/json",
};

/** A script imported as text: TypeScript sees the script's own exports, the runtime gives its text. */
const textOf = (file: unknown): string => (file as { default: string }).default;

export function openmctPageRoutes({ configDir, startDir }: Pick<Config, "configDir" | "startDir">): Hono {
  const folders = [configDir, startDir].map((folder) => join(folder, "node_modules", "openmct", "dist"));
  const routes = new Hono();
  const scripts = new Map([
    ["orrery.js", textOf(plugin)],
    ["start.js", textOf(start)],
  ]);

  routes.get("/openmct", (c) => c.redirect("/openmct/", 308));
  routes.get("/openmct/", async (c) => {
    const isThere = (await fileIn(folders, "openmct.js")) !== null;
    if (!isThere) return c.text(howTo, 404);
    return c.body(page, 200, {
      "Content-Type": "text/html; charset=utf-8",
      "Content-Security-Policy": contentSecurityPolicy,
      "Cache-Control": "no-cache",
    });
  });
  for (const [name, text] of scripts)
    routes.get(`/openmct/${name}`, (c) =>
      c.body(text, 200, { "Content-Type": types[".js"] ?? "", "Cache-Control": "no-cache" }),
    );
  routes.get("/openmct/dist/*", async (c) => {
    const name = c.req.path.slice("/openmct/dist/".length);
    const file = await fileIn(folders, name);
    if (file === null) return c.body(null, 404);
    return c.body(file, 200, {
      "Content-Type": types[extname(name)] ?? "application/octet-stream",
      "Cache-Control": "public, max-age=86400",
    });
  });
  return routes;
}

/** Of the first folder that has it. Null: none has, or it is not within the folder. */
async function fileIn(folders: readonly string[], name: string): Promise<Uint8Array<ArrayBuffer> | null> {
  if (name.includes("\0")) return null;
  for (const folder of folders) {
    const path = join(folder, name);
    if (!path.startsWith(`${folder}${sep}`)) return null;
    try {
      return new Uint8Array(await readFile(path));
    } catch {
      // not there, a folder, or not ours to read: the same to a browser
    }
  }
  return null;
}

/** Serves the assets under names that hold their content's hash, so that a browser keeps each one for ever. */
import { createHash } from "node:crypto";
import { brotliCompressSync, constants } from "node:zlib";
import { Hono } from "hono";
import { type AssetFile, assetFiles } from "./asset-files.ts";
import { contentSecurityPolicy } from "./page-headers.ts";

const types: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml; charset=utf-8",
};

interface Asset {
  readonly url: string;
  readonly type: string;
  /** How other files name it, with the quotes. */
  readonly specifier: string;
  readonly text: string;
}

/** `name.js` → `name-1a2b3c4d5e.js`; what a script imports as `./other.js` are replaced by theirs. */
function hashAll(files: readonly AssetFile[]): Map<string, Asset> {
  const byName = new Map<string, Asset>();
  for (const file of files) {
    let text = file.text;
    for (const asset of byName.values()) {
      if (file.name.endsWith(".js")) text = text.replaceAll(asset.specifier, `"${asset.url}"`);
    }
    const [forgotten] = /(?<=^import [^"]*)"\.\/[^"]+"/m.exec(text) ?? [];
    if (forgotten !== undefined) throw new Error(`${file.name} imports ${forgotten}: list that before it`);
    const dot = file.name.lastIndexOf(".");
    const extension = file.name.slice(dot + 1);
    const hash = createHash("sha256").update(text).digest("hex").slice(0, 10);
    byName.set(file.name, {
      url: `/assets/${file.name.slice(0, dot)}-${hash}.${extension}`,
      specifier: `"${file.specifier ?? `./${file.name}`}"`,
      type: types[extension] ?? "application/octet-stream",
      text,
    });
  }
  return byName;
}

const assets = hashAll(assetFiles);

/** The hashed URL of an asset. */
export function assetUrl(name: string): string {
  const asset = assets.get(name);
  if (asset === undefined) throw new Error(`Cannot link asset "${name}": it is not listed in asset-files.ts`);
  return asset.url;
}

/** `GET /assets/*`: immutable; a name that is not there is a bare 404. */
export function assetRoutes(): Hono {
  const byUrl = new Map([...assets.values()].map((asset) => [asset.url, asset]));
  const compressed = new Map<string, Uint8Array<ArrayBuffer>>();
  const routes = new Hono();
  routes.get("/assets/*", (c) => {
    const asset = byUrl.get(c.req.path);
    if (asset === undefined) return c.body(null, 404);
    c.header("Content-Type", asset.type);
    c.header("Cache-Control", "public, max-age=31536000, immutable");
    c.header("X-Content-Type-Options", "nosniff");
    // A worker takes its policy from its own response.
    c.header("Content-Security-Policy", contentSecurityPolicy);
    c.header("Vary", "Accept-Encoding");
    if (!/\bbr\b/.test(c.req.header("Accept-Encoding") ?? "")) return c.body(asset.text);
    // Once per asset and process, on first use: 100 kB take some 3 ms at this quality.
    let bytes = compressed.get(asset.url);
    if (bytes === undefined) {
      bytes = new Uint8Array(brotliCompressSync(asset.text, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }));
      compressed.set(asset.url, bytes);
    }
    c.header("Content-Encoding", "br");
    return c.body(bytes);
  });
  return routes;
}

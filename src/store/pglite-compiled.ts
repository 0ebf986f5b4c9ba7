/** The embedded store's files as `bun build --compile` carries them. Loaded in such an executable only: Deno has no imports of type "file". */
import { mkdtempSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { PGliteOptions } from "@electric-sql/pglite";
import trgmPath from "../../node_modules/@electric-sql/pglite/dist/pg_trgm.tar.gz" with { type: "file" };
import bundlePath from "../../node_modules/@electric-sql/pglite/dist/pglite.data" with { type: "file" };
import wasmPath from "../../node_modules/@electric-sql/pglite/dist/pglite.wasm" with { type: "file" };
import prebuiltPath from "./assets/pgdata.tar.br" with { type: "file" };

export { prebuiltPath };

export async function compiledOptions(): Promise<PGliteOptions> {
  const [wasm, bundle, trgm] = await Promise.all([readFile(wasmPath), readFile(bundlePath), readFile(trgmPath)]);
  return {
    pgliteWasmModule: await WebAssembly.compile(wasm),
    fsBundle: new Blob([bundle]),
    extensions: { pg_trgm: { name: "pg_trgm", setup: async () => ({ bundlePath: pathToFileURL(copied(trgm)) }) } },
  };
}

/** PGlite reads an extension's bundle as a real file only. */
function copied(bytes: Uint8Array): string {
  const path = join(mkdtempSync(join(tmpdir(), "orrery-")), "pg_trgm.tar.gz");
  writeFileSync(path, bytes);
  return path;
}

/** The embedded store's files as `bun build --compile` carries them. Loaded in such an executable only: Deno has no imports of type "file". */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { PGliteOptions } from "@electric-sql/pglite";
import trgmPath from "../../node_modules/@electric-sql/pglite/dist/pg_trgm.tar.gz" with { type: "file" };
import bundlePath from "../../node_modules/@electric-sql/pglite/dist/pglite.data" with { type: "file" };
import wasmPath from "../../node_modules/@electric-sql/pglite/dist/pglite.wasm" with { type: "file" };
import prebuiltPath from "./assets/pgdata.tar.br" with { type: "file" };

export { prebuiltPath };

/** `directory`: where a file may be written, as PGlite reads an extension's bundle as a real file only. */
export async function compiledOptions(directory: string): Promise<PGliteOptions> {
  const [wasm, bundle, trgm] = await Promise.all([readFile(wasmPath), readFile(bundlePath), readFile(trgmPath)]);
  const path = join(directory, "pg_trgm.tar.gz");
  await writeFile(path, trgm);
  return {
    pgliteWasmModule: await WebAssembly.compile(wasm),
    fsBundle: new Blob([bundle]),
    extensions: { pg_trgm: { name: "pg_trgm", setup: async () => ({ bundlePath: pathToFileURL(path) }) } },
  };
}

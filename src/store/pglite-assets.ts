/** Where the embedded store's files are: beside the sources under Bun and Deno, inside the executable when compiled. */
import { readFile } from "node:fs/promises";
import type { PGliteOptions } from "@electric-sql/pglite";
import { pg_trgm } from "@electric-sql/pglite/contrib/pg_trgm";
import { isCompiled } from "../embedded.ts";

/** What PGlite cannot find by itself. `directory`: where a file may be written for it. */
export async function pgliteOptions(directory: string): Promise<PGliteOptions> {
  if (!isCompiled) return { extensions: { pg_trgm } };
  const { compiledOptions } = await import("./pglite-compiled.ts");
  return compiledOptions(directory);
}

/** A data directory, initialized and with pg_trgm: brotli over tar. Made by `scripts/prebuilt-directory.ts`. */
export async function prebuiltDirectory(): Promise<Uint8Array> {
  if (!isCompiled) return readFile(new URL("./assets/pgdata.tar.br", import.meta.url));
  const { prebuiltPath } = await import("./pglite-compiled.ts");
  return readFile(prebuiltPath);
}

/** Where the example mission lies: beside the sources, or unpacked from the binary into the data directory. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { embedded } from "./embedded.ts";

/** The folder with the example's orrery.yaml; null when this installation has none. */
export function exampleDirectory(dataDir: string): string | null {
  if (embedded.example !== null) return unpack(embedded.example, join(dataDir, "example-mission"));
  const beside = fileURLToPath(new URL("../examples/mission", import.meta.url));
  return existsSync(join(beside, "orrery.yaml")) ? beside : null;
}

/** Always written anew: a newer binary may bring a newer example. */
function unpack(files: Readonly<Record<string, string>>, directory: string): string {
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return directory;
}

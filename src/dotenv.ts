/** The `.env` of the working directory, read the same way under every runtime. The real environment wins over it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";

export function readDotEnv(cwd: string): Record<string, string | undefined> {
  try {
    return { ...parseEnv(readFileSync(join(cwd, ".env"), "utf8")) };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return {};
    throw error;
  }
}

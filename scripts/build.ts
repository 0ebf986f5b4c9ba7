/** Makes dist/orrery: one executable with Bun, the sources, the embedded store, the pages' files and the example mission in it. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const outfile = join(root, "dist", "orrery");

/** Relative path → text of every file under `folder`; null when there is none. */
function filesUnder(folder: string): Record<string, string> | null {
  const files: Record<string, string> = {};
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !/\.test\.ts$/.test(entry.name)) files[relative(folder, path)] = readFileSync(path, "utf8");
  }
  return Object.keys(files).length === 0 ? null : files;
}

const startMs = performance.now();
const result = await Bun.build({
  entrypoints: [join(root, "src", "main.ts")],
  compile: { outfile },
  minify: true,
  bytecode: true,
  format: "esm",
  sourcemap: "none",
  plugins: [
    {
      name: "embedded files",
      setup(build) {
        build.onLoad({ filter: /[/\\]src[/\\]embedded\.ts$/ }, () => ({
          contents: `export const embedded = ${JSON.stringify({ example: filesUnder(join(root, "examples", "mission")) })};`,
          loader: "ts",
        }));
      },
    },
  ],
});
for (const message of result.logs) console.error(String(message));
if (!result.success) process.exit(1);
const sizeMiB = statSync(outfile).size / 1024 / 1024;
console.log(`dist/orrery: ${sizeMiB.toFixed(1)} MiB in ${((performance.now() - startMs) / 1000).toFixed(1)} s`);

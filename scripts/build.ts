/** Makes dist/orrery: one executable with Bun, the sources, the embedded store, the pages' files and the example mission in it. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join, relative } from "node:path";
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

/** The example as the binary unpacks it: its computes with all that they import inside, as there are no sources beside them. */
async function exampleFiles(): Promise<Record<string, string> | null> {
  const folder = join(root, "examples", "mission");
  const files = filesUnder(folder);
  if (files === null) return null;
  const modules = Object.keys(files).filter((name) => /^computes[/\\].*\.ts$/.test(name));
  const computes = modules.filter((name) => files[name]?.includes("export default"));
  const entrypoints = computes.map((name) => join(folder, name));
  const { outputs } = await Bun.build({ entrypoints, target: "bun", minify: true });
  for (const name of modules) delete files[name];
  for (const name of computes) {
    const bundle = outputs.find(({ path }) => basename(path, ".js") === basename(name, ".ts"));
    if (bundle === undefined) throw new Error(`Cannot build ${name}: the bundler gave nothing for it`);
    files[name] = await bundle.text();
  }
  return files;
}

const startMs = performance.now();
// Before the build, as a build within a build waits for ever.
const embedded = JSON.stringify({ example: await exampleFiles() });
const result = await Bun.build({
  // The thread that reads UDP sockets is a program of its own: receiver-thread.ts knows where it lands.
  entrypoints: [join(root, "src", "main.ts"), join(root, "src", "ground", "receiver-worker.ts")],
  // Bun would read .env itself and expand the dollar signs of hashes: src/dotenv.ts reads it as it is.
  compile: { outfile, autoloadDotenv: false, autoloadBunfig: false },
  minify: true,
  bytecode: true,
  format: "esm",
  sourcemap: "none",
  plugins: [
    {
      // Its other entry reads its wasm from a file beside it, and there is none in the executable.
      name: "wasm in a module",
      setup(build) {
        const bundled = join(root, "node_modules/@platformatic/wasm-utils/dist/bundled.js");
        build.onResolve({ filter: /^@platformatic\/wasm-utils$/ }, () => ({ path: bundled }));
      },
    },
    {
      name: "embedded files",
      setup(build) {
        build.onLoad({ filter: /[/\\]src[/\\]embedded\.ts$/ }, () => ({
          contents: `export const embedded = ${embedded}; export const isCompiled = true;`,
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

/** Runs the benchmarks, one after the other: `npm run bench -- [--smoke] [name …]`. Each prints its own figures; a failed one fails the run. */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { parseArgs } from "node:util";

const { values: flags, positionals: names } = parseArgs({
  allowPositionals: true,
  options: { smoke: { type: "boolean", default: false } },
});

/** A stuck benchmark ends here. */
const benchMsMax = flags.smoke ? 120_000 : 30 * 60_000;

const files = readdirSync("bench")
  .filter((file) => file.endsWith(".ts") && (names.length === 0 || names.some((name) => file.startsWith(name))))
  .sort();
if (files.length === 0) throw new Error(`Cannot run ${names.join(", ")} as bench/ has no such file`);

const failed: string[] = [];
for (const file of files) {
  console.log(`\n== bench/${file}`);
  const { status } = spawnSync("bun", [`bench/${file}`, ...(flags.smoke ? ["--smoke"] : [])], {
    stdio: ["ignore", "inherit", "inherit"],
    timeout: benchMsMax,
    killSignal: "SIGKILL",
  });
  if (status !== 0) failed.push(file);
}
console.log(`\n${files.length} benchmarks${failed.length > 0 ? `, failed: ${failed.join(", ")}` : ""}`);
process.exitCode = failed.length > 0 ? 1 : 0;

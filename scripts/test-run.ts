/** Runs test files under Bun or Deno and counts what they report, from the JUnit file that both write. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** A hung suite is ended: no test waits for ever. */
const suiteMsMax = 20 * 60_000;
const testMsMax = 120_000;

export async function runTests(
  runtime: "bun" | "deno",
  files: readonly string[],
  env: Record<string, string>,
): Promise<Counts> {
  const folder = mkdtempSync(join(tmpdir(), "orrery-test-"));
  const report = join(folder, "junit.xml");
  const jobs = Math.min(2, availableParallelism());
  const command =
    runtime === "bun"
      ? [
          "bun",
          "test",
          `--timeout=${testMsMax}`,
          `--parallel=${jobs}`,
          "--reporter=junit",
          `--reporter-outfile=${report}`,
          ...files.map((file) => `./${file}`),
        ]
      : ["node_modules/.bin/deno", "test", "-A", "--no-check", "--parallel", `--junit-path=${report}`, ...files];
  try {
    const exit = await run(command, { ...process.env, DENO_JOBS: String(jobs), ...env });
    const counts = existsSync(report) ? countsOf(readFileSync(report, "utf8")) : { passed: 0, failed: 0, skipped: 0 };
    // A file that breaks outside its tests, or a crash, is in no report: the exit code tells.
    return exit === 0 ? counts : { ...counts, failed: Math.max(counts.failed, 1) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run([program = "", ...args]: string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit"], env });
    const deadline = setTimeout(() => {
      console.error(`The suite did not end within ${suiteMsMax / 60_000} minutes and is killed`);
      child.kill("SIGKILL");
    }, suiteMsMax);
    const forward = () => child.kill("SIGTERM");
    process.once("exit", forward);
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(deadline);
      process.off("exit", forward);
      resolve(code ?? 1);
    });
  });
}

/** Counts leaves only: Deno also lists each `describe` as a case. */
export function countsOf(junit: string): Counts {
  const cases = [...junit.matchAll(/<testcase name="([^"]*)" classname="([^"]*)"[^>]*?(\/>|>([\s\S]*?)<\/testcase>)/g)];
  const groups = new Set<string>();
  for (const [, name = "", suite = ""] of cases) {
    if (!suite.startsWith("ext:")) continue;
    for (let end = name.lastIndexOf(" &gt; "); end > 0; end = name.lastIndexOf(" &gt; ", end - 1))
      groups.add(name.slice(0, end));
  }
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [, name = "", , , body = ""] of cases) {
    if (groups.has(name)) continue;
    if (body.includes("<failure") || body.includes("<error")) counts.failed += 1;
    else if (body.includes("<skipped")) counts.skipped += 1;
    else counts.passed += 1;
  }
  return counts;
}

/** Runs test files under Bun or Deno and counts what they report, from the JUnit file that both write. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { reportOf, testCases } from "./test-report.ts";

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
  // Much of a file's time is waiting, for processes and clocks: one more than there are cores fills that.
  const jobs = availableParallelism() + 1;
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
    const cases = existsSync(report) ? testCases(readFileSync(report, "utf8")) : [];
    const count = (state: string) => cases.filter((one) => one.state === state).length;
    const failed = count("failed");
    console.log(`\n${reportOf(cases)}`);
    // A file that breaks outside its tests, or a crash, is in no report: the exit code tells.
    const isBroken = exit !== 0 && failed === 0;
    if (isBroken) console.log(`failed tests:\n  none by name: ${runtime} exited with ${exit}, see its last lines`);
    return { passed: count("passed"), failed: isBroken ? 1 : failed, skipped: count("skipped") };
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

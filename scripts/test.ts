/**
 * Runs a suite and closes with one line, `N passed, M failed`.
 * `bun scripts/test.ts [--unit | --browser] [--deno] [--services [--with-kafka]] [path …]`; docs/testing.md says what each is for.
 */
import { parseArgs } from "node:util";
import { startServices } from "./services/start.ts";
import { testFiles } from "./test-files.ts";
import { runTests } from "./test-run.ts";

const { values: flags, positionals: paths } = parseArgs({
  allowPositionals: true,
  options: {
    unit: { type: "boolean", default: false },
    browser: { type: "boolean", default: false },
    deno: { type: "boolean", default: false },
    services: { type: "boolean", default: false },
    "with-kafka": { type: "boolean", default: false },
  },
});

const files = testFiles(flags.unit ? "unit" : flags.browser ? "browser" : "all", paths);
const services = flags.services ? await startServices({ kafka: flags["with-kafka"], durable: false }) : null;
const environment: Record<string, string> = services
  ? { TEST_DATABASE_URL: services.databaseUrl, TEST_REDIS_URL: services.redisUrl }
  : {};
if (services?.kafka) environment.TEST_KAFKA = services.kafka;
const stopEarly = async () => {
  await services?.stop();
  process.exit(130);
};
process.once("SIGINT", stopEarly);
process.once("SIGTERM", stopEarly);

const startedMs = performance.now();
try {
  const { passed, failed, skipped } = await runTests(flags.deno ? "deno" : "bun", files, environment);
  const where = `${flags.deno ? "Deno" : "Bun"}, ${services ? "Postgres and Redis" : "embedded stores"}`;
  const tookS = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.log(`\n${files.length} files on ${where} in ${tookS} s${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  if (passed === 0) console.log("No test passed: that counts as a failure");
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
  console.log(`${passed} passed, ${passed === 0 ? Math.max(failed, 1) : failed} failed`);
} finally {
  await services?.stop();
}

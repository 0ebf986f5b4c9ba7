/**
 * Runs a suite and closes with one line, `N passed, M failed`.
 * `bun scripts/test.ts [--unit | --browser] [--deno] [--services] [path …]`; docs/testing.md says what each is for.
 */
import { parseArgs } from "node:util";
import { hasMaven } from "./services/maven.ts";
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
  },
});

const files = testFiles(flags.unit ? "unit" : flags.browser ? "browser" : "all", paths);
const fromMaven = flags.services && hasMaven();
if (flags.services && !fromMaven)
  console.log("No JDK and Maven on the path: the tests that need Kafka or MongoDB are skipped");
const services = flags.services ? await startServices({ kafka: fromMaven, mongo: fromMaven, durable: false }) : null;
const environment: Record<string, string> = services
  ? { TEST_DATABASE_URL: services.databaseUrl, TEST_REDIS_URL: services.redisUrl }
  : {};
if (services?.kafka) environment.TEST_KAFKA = services.kafka;
if (services?.kafkaSasl) environment.TEST_KAFKA_SASL = services.kafkaSasl;
if (services?.mongoUrl) environment.TEST_MONGO_URL = services.mongoUrl;
const stopEarly = async () => {
  await services?.stop();
  process.exit(130);
};
process.once("SIGINT", stopEarly);
process.once("SIGTERM", stopEarly);

const startedMs = performance.now();
try {
  const { passed, failed, skipped } = await runTests(flags.deno ? "deno" : "bun", files, environment);
  const servers = !services
    ? "embedded stores"
    : fromMaven
      ? "Postgres, Redis, Kafka and MongoDB"
      : "Postgres and Redis";
  const where = `${flags.deno ? "Deno" : "Bun"}, ${servers}`;
  const tookS = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.log(`\n${files.length} files on ${where} in ${tookS} s${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  if (passed === 0) console.log("No test passed: that counts as a failure");
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
  console.log(`${passed} passed, ${passed === 0 ? Math.max(failed, 1) : failed} failed`);
} finally {
  await services?.stop();
}

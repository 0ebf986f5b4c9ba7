/**
 * Runs the benchmarks one after the other: `npm run bench -- [name …] [--smoke] [options of the benchmark]`. Each prints its own
 * figures; a failed one fails the run. Without BENCH_DATABASE_URL it starts a Postgres that waits for the disk, a Redis, and a Kafka where it is asked for.
 */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { type Services, startServices } from "./services/start.ts";

const given = process.argv.slice(2);
const firstOption = given.findIndex((argument) => argument.startsWith("-"));
const names = firstOption === -1 ? given : given.slice(0, firstOption);
const options = firstOption === -1 ? [] : given.slice(firstOption);

/** A stuck benchmark ends here. */
const benchMsMax = options.includes("--smoke") ? 120_000 : 30 * 60_000;

const files = readdirSync("bench")
  .filter((file) => file.endsWith(".ts") && (names.length === 0 || names.some((name) => file.startsWith(name))))
  .sort();
if (files.length === 0) throw new Error(`Cannot run ${names.join(", ")} as bench/ has no such file`);

const services = process.env.BENCH_DATABASE_URL ? null : await servicesIfInstalled();
const env = services
  ? {
      ...process.env,
      BENCH_DATABASE_URL: services.databaseUrl,
      BENCH_REDIS_URL: services.redisUrl,
      ...(services.kafka !== null && { BENCH_KAFKA: services.kafka }),
    }
  : process.env;
const failed: string[] = [];
/** Interrupted: the benchmark under way has heard it too, the others do not begin, and the servers are stopped. */
let isInterrupted = false;
process.on("SIGINT", () => {
  isInterrupted = true;
});
try {
  for (const file of files) {
    if (isInterrupted) break;
    console.log(`\n== bench/${file}`);
    if ((await run(file)) !== 0) failed.push(file);
  }
} finally {
  await services?.stop();
}
console.log(`\n${files.length} benchmarks${failed.length > 0 ? `, failed: ${failed.join(", ")}` : ""}`);
process.exitCode = failed.length > 0 ? 1 : 0;

async function servicesIfInstalled(): Promise<Services | null> {
  const wanted = { mongo: false, durable: true };
  const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
  try {
    if (files.includes("flow.ts")) return await startServices({ ...wanted, kafka: true });
  } catch (error) {
    console.log(`Without Kafka: ${reasonOf(error)}`);
  }
  try {
    return await startServices({ ...wanted, kafka: false });
  } catch (error) {
    console.log(`Without Postgres and Redis, embedded stores only: ${reasonOf(error)}`);
    return null;
  }
}

function run(file: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn("bun", [`bench/${file}`, ...options], { stdio: ["ignore", "inherit", "inherit"], env });
    const deadline = setTimeout(() => child.kill("SIGKILL"), benchMsMax);
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(deadline);
      resolve(code ?? 1);
    });
  });
}

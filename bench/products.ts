// Question (P6): how many products a second are dispatched, attempted and stored as success, end to end, when the work itself is nothing?
// Method: one node, no HTTP; plans of 11 eager products in three layers (4, 4, 3) with a function compute, 128 publishes under way at any time,
// from the first publish to the last product's success; CPU of the process from process.cpuUsage. A first round of the same size is thrown away: code that is not compiled yet costs half as much again.
// What would flatter it: plans without dependencies (one commit for a whole plan), and counting dispatches instead of successes.
// Postgres: BENCH_DATABASE_URL or TEST_DATABASE_URL names a server where databases may be created; without one only the embedded store runs.
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import postgres from "postgres";
import { loadConfig } from "../src/config.ts";
import { open, type Runtime } from "../src/runtime.ts";

const { values: flags } = parseArgs({
  options: {
    smoke: { type: "boolean", default: false },
    plans: { type: "string", default: "1000" },
    rounds: { type: "string", default: "3" },
    store: { type: "string" },
  },
});
const plans = flags.smoke ? 20 : Number(flags.plans);
const rounds = flags.smoke ? 1 : Number(flags.rounds);
const publishedAtOnce = 128;
const server = process.env.BENCH_DATABASE_URL ?? process.env.TEST_DATABASE_URL;
const layers = [4, 4, 3];

async function publishOne(supervisor: Runtime["supervisor"]): Promise<number> {
  const ids = layers.map((size) => Array.from({ length: size }, () => randomUUID()));
  await supervisor.submit(
    {
      type: "plan.publish",
      datasetId: randomUUID(),
      extra: null,
      products: ids.flat().map((productId) => ({
        productId,
        compute: "noop",
        name: "product",
        version: "1",
        eager: true,
        passthrough: null,
        extra: null,
      })),
      dependencies: ids
        .slice(1)
        .flatMap((layer, above) =>
          layer.flatMap((childId) => (ids[above] ?? []).map((parentId) => ({ parentId, childId, extra: null }))),
        ),
    },
    { service: "bench", cause: "plan.publish" },
  );
  return ids.flat().length;
}

/** Products a second, and CPU-milliseconds of this process for each. */
async function round({ supervisor }: Runtime, count: number): Promise<{ perS: number; cpuMs: number }> {
  const total = count * layers.reduce((sum, size) => sum + size, 0);
  let done = 0;
  const finished = Promise.withResolvers<void>();
  const deafen = supervisor.onCommitted((turn) => {
    for (const product of turn.products) if (product.state === "success") done += 1;
    if (done >= total) finished.resolve();
  });
  const beginMs = performance.now();
  const cpu = process.cpuUsage();
  let left = count;
  const publisher = async (): Promise<void> => {
    while (left-- > 0) await publishOne(supervisor);
  };
  await Promise.all(Array.from({ length: publishedAtOnce }, publisher));
  await finished.promise;
  deafen();
  const used = process.cpuUsage(cpu);
  return { perS: (total / (performance.now() - beginMs)) * 1000, cpuMs: (used.user + used.system) / 1000 / total };
}

async function measure(store: "embedded" | "postgres"): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), "orrery-bench-"));
  const name = `orrery_bench_${randomBytes(6).toString("hex")}`;
  const admin = store === "postgres" && server ? postgres(server, { max: 1, onnotice: () => {} }) : null;
  await admin?.unsafe(`create database ${name}`);
  const url = server && admin ? Object.assign(new URL(server), { pathname: `/${name}` }).href : undefined;
  const config = loadConfig({
    env: { LOG_LEVEL: "warn", DATABASE_URL: url },
    flags: { data, example: false },
    cwd: data,
  });
  const noop = { kind: "function", module: join(data, "noop.mjs") } as const;
  writeFileSync(noop.module, "export default () => null;");
  const runtime = await open({ ...config, computes: { noop } }, { listen: false });
  try {
    await round(runtime, plans);
    for (let i = 0; i < rounds; i++) {
      const { perS, cpuMs } = await round(runtime, plans);
      console.log(
        JSON.stringify({
          bench: "products",
          store,
          round: i + 1,
          plans,
          productsPerS: Math.round(perS),
          cpuMsPerProduct: Number(cpuMs.toFixed(3)),
        }),
      );
    }
  } finally {
    await runtime.stop();
    await admin?.unsafe(`drop database if exists ${name} with (force)`);
    await admin?.end();
    rmSync(data, { recursive: true, force: true });
  }
}

if (flags.store !== "postgres") await measure("embedded");
if (flags.store !== "embedded" && server) await measure("postgres");

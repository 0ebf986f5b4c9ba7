// Question (P3): do 300 people at a human pace (waits of 1–3 s), one plan each to the end, get an answer at once, without an error?
// Method: bench/k6/busy-day.js on a fresh database, Postgres with fsync on, on the same machine as k6.
// What would flatter it: short plans, or users that only read; each user reports on 11 products, and the last read checks them all.
import { parseArgs } from "node:util";
import { findK6, runK6 } from "./measure/k6.ts";
import { startNode } from "./measure/node.ts";

const { values: flags } = parseArgs({
  options: { smoke: { type: "boolean", default: false }, users: { type: "string", default: "300" } },
});
const k6 = findK6();
if (k6 === null) {
  console.log(JSON.stringify({ bench: "busy-day", skipped: "k6 is not installed: go install go.k6.io/k6@latest" }));
  process.exit(0);
}
const env = flags.smoke
  ? { USERS: "5", PROCESSING_MIN: "0.05", PROCESSING_MAX: "0.1", SPAWN: "30" }
  : { USERS: flags.users, SPAWN: String(Math.max(30, Number(flags.users) / 10)) };
const node = await startNode(process.env.BENCH_DATABASE_URL ?? null);
try {
  const figures = await runK6(k6, "busy-day.js", node, env);
  console.log(JSON.stringify({ bench: "busy-day", target: "P3", users: env.USERS, ...figures }, null, 2));
  if (figures.failures > 0) throw new Error(`${figures.failures} checks did not hold`);
} finally {
  await node.stop();
}

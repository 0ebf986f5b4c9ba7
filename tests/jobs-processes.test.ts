/** Jobs held by another process that is killed, or stopped and comes back: on Postgres only, as the embedded store has one process. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { after, afterEach, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { attemptsOf } from "../src/store/attempts.ts";
import { openDatabase } from "../src/store/open.ts";
import type { Database } from "../src/store/sql.ts";
import { type DatabasePlace, makeDatabasePlace, quietLog } from "./support/database.ts";
import { jobsOfProduct } from "./support/job-rows.ts";
import { type Node, type Published, productOf, publish, settled, startNode } from "./support/jobs.ts";
import { until } from "./support/signal.ts";

const script = fileURLToPath(new URL("./support/job-worker.ts", import.meta.url));
const leaseMs = 400;

let place: DatabasePlace;
let database: Database;
let node: Node | null = null;
let worker: { child: ChildProcess; output(): string } | null = null;

function startWorker(runMs: number): { child: ChildProcess; output(): string } {
  const before = "Deno" in globalThis ? ["run", "-A", "--no-check"] : [];
  const args = [...before, script, place.databaseUrl ?? "", String(leaseMs), String(runMs)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  return { child, output: () => text };
}

const pidOf = (one: typeof worker): number => one?.child.pid ?? assert.fail("there is no other process");

async function outcomes(plan: Published): Promise<string[]> {
  const [job] = await jobsOfProduct(database.sql, { ...plan, productId: plan.idOf("a") });
  return (await attemptsOf(database.sql, job?.jobId ?? "")).map((attempt) => attempt.outcome);
}

/** A plan whose only product is being run by the other process; this one only submits. */
async function runElsewhere(runMs: number): Promise<Published> {
  worker = startWorker(runMs);
  const { output } = worker;
  await until("the other process is ready", () => output().includes("ready"));
  const submitter = await startNode(database, { functions: { f: () => null }, concurrency: 0, leaseMs: 60_000 });
  const plan = await publish(submitter.supervisor, [{ name: "a", compute: "f" }]);
  await until("the other process runs it", () => output().includes("running"));
  await settled(submitter.supervisor, plan, ["running"]);
  await submitter.stop();
  return plan;
}

describe("a job held by another process", { skip: !process.env.TEST_DATABASE_URL }, () => {
  before(async () => {
    place = await makeDatabasePlace();
    database = await openDatabase({ ...place, maxConnections: 4 }, quietLog);
  });
  after(async () => {
    await database.close();
    await place.remove();
  });
  afterEach(async () => {
    await node?.stop();
    worker?.child.kill("SIGKILL");
  });

  it("is taken over once its lease has run out, when that process is killed", async () => {
    const plan = await runElsewhere(60_000);
    worker?.child.kill("SIGKILL");
    node = await startNode(database, { functions: { f: () => "by this process" }, leaseMs });
    await settled(node.supervisor, plan);
    assert.deepEqual(await outcomes(plan), ["lost", "succeeded"]);
  });

  it("is not the zombie's any more when that process was stopped for longer than its lease", async () => {
    const plan = await runElsewhere(1_000);
    process.kill(pidOf(worker), "SIGSTOP");
    node = await startNode(database, { functions: { f: () => "by this process" }, leaseMs });
    await settled(node.supervisor, plan);
    process.kill(pidOf(worker), "SIGCONT");
    await until("the zombie's result is recorded", async () => (await outcomes(plan)).includes("superseded"));
    assert.deepEqual(await outcomes(plan), ["lost", "superseded", "succeeded"]);
    assert.equal((await productOf(node.supervisor, plan, "a")).passback, '"by this process"');
  });
});

/** A node that runs jobs: supervisor and runner on a given store, with functions as computes. */
import assert from "node:assert/strict";
import { type Compute, createComputes } from "../../src/compute/compute.ts";
import { externalCompute } from "../../src/compute/external.ts";
import { type ComputeFunction, createFunction } from "../../src/compute/function.ts";
import { createDueSignal, type DueSignal } from "../../src/jobs/due-signal.ts";
import { createJobRunner, type JobRunner } from "../../src/jobs/runner.ts";
import type { JobRunnerParts } from "../../src/jobs/runner-parts.ts";
import { type Clock, systemClock } from "../../src/model/clock.ts";
import { newUuid } from "../../src/model/ids.ts";
import type { ProductRow } from "../../src/model/plan.ts";
import { createLog } from "../../src/observe/log.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { createPlanStore } from "../../src/store/plans.ts";
import { type Database, SqlError, sqlOf } from "../../src/store/sql.ts";
import { createSupervisor, type Supervisor } from "../../src/supervisor/supervisor.ts";
import { systemTimers } from "../../src/supervisor/system-timers.ts";
import { until } from "./signal.ts";

export interface Node {
  readonly nodeId: string;
  readonly supervisor: Supervisor;
  readonly runner: JobRunner;
  readonly due: DueSignal;
  stop(): Promise<void>;
}

export type Functions = Readonly<Record<string, ComputeFunction | Compute>>;

export interface NodeSettings extends Partial<Pick<JobRunnerParts, "leaseMs" | "concurrency" | "pollMs" | "stopMs">> {
  readonly functions?: Functions;
  readonly attempts?: number;
  /** The store is this node's alone; else several of them may share it, an embedded one too. */
  readonly alone?: boolean;
  readonly clock?: Clock;
}

const soon = { kind: "exponential", baseMs: 20, maxMs: 1_000, jitter: true } as const;

/** Retries come within 20 ms, as the tests need not wait for what the retry policy's own tests show. */
export async function startNode(database: Database, settings: NodeSettings = {}): Promise<Node> {
  const { functions = {}, attempts = 3, alone = false, clock = systemClock, ...rest } = settings;
  const computes = createComputes(
    new Map<string, Compute>([
      ["cams", externalCompute],
      ...Object.entries(functions).map(([name, work]): [string, Compute] => [
        name,
        { ...(typeof work === "function" ? createFunction(work, { attempts }) : work), retry: soon },
      ]),
    ]),
  );
  const observe = { turn: () => {}, batch: () => {}, defect: (error: unknown) => console.error(error) };
  const store = createPlanStore(database.sql);
  const shared = { clock, computes };
  const supervisor = createSupervisor({ ...shared, store, alone, timers: systemTimers, observe });
  const nodeId = newUuid();
  const own: Database = { ...database, kind: alone ? "embedded" : "postgres" };
  const due = await createDueSignal(own, supervisor);
  const runner = createJobRunner({
    ...shared,
    database: own,
    supervisor,
    due,
    log: createLog("silent"),
    metrics: createMetrics(),
    nodeId,
    url: null,
    version: "test",
    pollMs: 200,
    ...rest,
  });
  await runner.start();
  return {
    nodeId,
    supervisor,
    runner,
    due,
    async stop() {
      await runner.stop();
      await due.stop();
      await supervisor.stop();
    },
  };
}

export interface Task {
  readonly name: string;
  readonly compute: string;
  readonly after?: readonly string[];
  readonly passthrough?: unknown;
}

export interface Published {
  readonly datasetId: string;
  idOf(name: string): string;
}

/** Publishes a plan of eager products, named as their tasks. */
export async function publish(supervisor: Supervisor, tasks: readonly Task[]): Promise<Published> {
  const ids = new Map(tasks.map((task) => [task.name, newUuid()]));
  const idOf = (name: string): string => ids.get(name) ?? assert.fail(`there is no task ${name}`);
  const datasetId = newUuid();
  await supervisor.submit(
    {
      type: "plan.publish",
      datasetId,
      extra: null,
      products: tasks.map(({ name, compute, passthrough }) => ({
        productId: idOf(name),
        compute,
        name,
        version: "1",
        eager: true,
        passthrough: passthrough === undefined ? null : JSON.stringify(passthrough),
        extra: null,
      })),
      dependencies: tasks.flatMap(({ name, after = [] }) =>
        after.map((parent) => ({ parentId: idOf(parent), childId: idOf(name), extra: null })),
      ),
    },
    { service: "test", cause: "plan.publish" },
  );
  return { datasetId, idOf };
}

export async function productOf(supervisor: Supervisor, plan: Published, name: string): Promise<ProductRow> {
  const view = await supervisor.read(plan.datasetId);
  return view?.products.get(plan.idOf(name)) ?? assert.fail(`there is no product ${name}`);
}

/** Waits until all products of the plan are in one of `states`. */
export async function settled(
  supervisor: Supervisor,
  plan: Published,
  states: readonly string[] = ["success"],
): Promise<void> {
  await until(`all products are ${states.join(" or ")}`, async () => {
    const view = await supervisor.read(plan.datasetId);
    return view !== null && [...view.products.values()].every((product) => states.includes(product.state));
  });
}

/** A function that ends when it is told to, and counts its runs. */
export function heldFunction() {
  const runs: { signal: AbortSignal; attempt: number; finish(result?: unknown): void; fail(message: string): void }[] =
    [];
  const work: ComputeFunction = (task) =>
    new Promise((resolve, reject) => {
      const { signal, attempt } = task;
      runs.push({
        signal,
        attempt,
        finish: (result = null) => resolve(result),
        fail: (message) => reject(new Error(message)),
      });
    });
  const run = async (at: number) => {
    await until(`run ${at} has begun`, () => runs.length > at);
    return runs[at] ?? assert.fail();
  };
  return { work, runs, run };
}

/** A database whose statements fail as if it could not be reached, while it is away. */
export function breakable(database: Database): Database & { isAway: boolean } {
  const { sql } = database;
  const broken = { isAway: false };
  const unlessAway = async <T>(work: () => Promise<T>): Promise<T> => {
    if (broken.isAway) throw new SqlError("unavailable", null, "the database is away");
    return await work();
  };
  const own = sqlOf({
    query: (text, values, deadlineMs) => unlessAway(() => sql.query(text, values, deadlineMs)),
    begin: (work) => unlessAway(() => sql.begin(work)),
    script: (text, deadlineMs) => unlessAway(() => sql.script(text, deadlineMs)),
  });
  return Object.assign(broken, { ...database, sql: own });
}

/** A database that can be made to answer nobody, as if its node had been stopped by a signal. */
export function pausable(database: Database): Database & { pause(): void; resume(): void } {
  let gate: Promise<void> | null = null;
  let open = () => {};
  const { sql } = database;
  const waiting = async <T>(work: () => Promise<T>): Promise<T> => {
    while (gate !== null) await gate;
    return work();
  };
  const tagged = <Row extends object>(strings: TemplateStringsArray, ...values: Parameters<typeof sql>[1][]) =>
    waiting(() => sql<Row>(strings, ...values));
  return {
    ...database,
    sql: Object.assign(tagged, {
      query: <Row extends object>(...args: Parameters<typeof sql.query>) => waiting(() => sql.query<Row>(...args)),
      begin: <T>(work: Parameters<typeof sql.begin<T>>[0]) => waiting(() => sql.begin(work)),
      script: (...args: Parameters<typeof sql.script>) => waiting(() => sql.script(...args)),
    }),
    pause() {
      gate = new Promise((resolve) => {
        open = resolve;
      });
    },
    resume() {
      gate = null;
      open();
    },
  };
}

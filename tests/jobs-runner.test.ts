/** Jobs on a real store, with real supervisors: order, retries, cancellation, fencing, expiry, giving back. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { createFunction } from "../src/compute/function.ts";
import { attemptsOf } from "../src/store/attempts.ts";
import type { Database } from "../src/store/sql.ts";
import { openTestDatabase } from "./support/database.ts";
import { jobsOfProduct } from "./support/job-rows.ts";
import {
  heldFunction,
  type Node,
  type NodeSettings,
  type Published,
  pausable,
  productOf,
  publish,
  settled,
  startNode,
} from "./support/jobs.ts";
import { until } from "./support/signal.ts";

let database: Database;
const nodes: Node[] = [];
before(async () => {
  database = await openTestDatabase({ maxConnections: 8 });
});
after(() => database.close());
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.stop()));
  await database.sql.script("delete from job");
});

async function start(settings: NodeSettings, on = database): Promise<Node> {
  const node = await startNode(on, settings);
  nodes.push(node);
  return node;
}

async function attempts(plan: Published, name: string) {
  const jobs = await jobsOfProduct(database.sql, { datasetId: plan.datasetId, productId: plan.idOf(name) });
  const rows = await Promise.all(jobs.reverse().map(({ jobId }) => attemptsOf(database.sql, jobId)));
  return rows.flat();
}

const outcomes = async (plan: Published, name: string) => (await attempts(plan, name)).map((one) => one.outcome);

/** The database, with `before` told of each statement that is put together. */
function watch(before: (text: string) => Promise<void> | void): Database {
  const { sql } = database;
  const query: typeof sql.query = async (text, ...rest) => {
    await before(text);
    return await sql.query(text, ...rest);
  };
  return { ...database, sql: Object.assign(sql.bind(null), sql, { query }) };
}

const report = (plan: Published, name: string, state: "running" | "success" | "failed") => ({
  type: "products.update" as const,
  datasetId: plan.datasetId,
  reports: [{ productId: plan.idOf(name), state, runId: null, link: null, passback: null }],
});
const client = { service: "client", cause: "products.update" };

describe("a plan of functions", () => {
  it("runs each product after its parents, and hands it their passbacks", async () => {
    const { supervisor } = await start({
      functions: {
        add: ({ passthrough, parents }) =>
          parents.reduce((sum, { passback }) => sum + Number(passback), Number(passthrough)),
      },
    });
    const plan = await publish(supervisor, [
      { name: "a", compute: "add", passthrough: 1 },
      { name: "b", compute: "add", passthrough: 20, after: ["a"] },
      { name: "c", compute: "add", passthrough: 300, after: ["a"] },
      { name: "d", compute: "add", passthrough: 4000, after: ["b", "c"] },
    ]);
    await settled(supervisor, plan);
    assert.equal((await productOf(supervisor, plan, "d")).passback, String(4000 + 21 + 301));
    const [attempt] = await attempts(plan, "d");
    assert.deepEqual([attempt?.attempt, attempt?.outcome, attempt?.error], [1, "succeeded", null]);
    assert.ok(attempt?.startedAt && attempt.startedAt <= attempt.finishedAt);
    const { modifiedBy, runId, jobId } = await productOf(supervisor, plan, "d");
    assert.deepEqual([modifiedBy, runId, jobId], ["orrery", attempt?.jobId, null]);
  });

  it("claims nothing that the commit of a parent's end could lease", async () => {
    let claims = 0;
    const watched = watch((text) => {
      if (text.includes("for update skip locked")) claims += 1;
    });
    const { supervisor } = await start({ functions: { f: () => null }, pollMs: 60_000 }, watched);
    const names = ["a", "b", "c", "d", "e"];
    const tasks = names.map((name, i) => ({ name, compute: "f", after: names.slice(Math.max(0, i - 1), i) }));
    const plan = await publish(supervisor, tasks);
    await settled(supervisor, plan);
    assert.deepEqual(await outcomes(plan, "e"), ["succeeded"]);
    // The first job's, and at most one that found no more.
    assert.ok(claims <= 2, `${claims} claims`);
  });

  it("gives a run the same, whether its job was claimed or leased by the commit that stored it", async () => {
    const seen: unknown[] = [];
    const { supervisor } = await start({
      functions: {
        give: ({ passthrough }) => passthrough,
        see({ job, dataset, product, ...task }) {
          const { passthrough, payload, attempt, parents, log } = task;
          log("seen");
          seen.push([job.type, product?.name, dataset?.extra, passthrough, payload, attempt, parents]);
        },
      },
      pollMs: 60_000,
    });
    // The first job of a lane is claimed, the next one leased.
    for (let i = 0; i < 2; i++) {
      const plan = await publish(supervisor, [
        { name: "b", compute: "give", passthrough: { n: 1 } },
        { name: "a", compute: "give", passthrough: "\u0000 é" },
        { name: "c", compute: "see", passthrough: [1.5], after: ["b", "a"] },
      ]);
      await settled(supervisor, plan);
    }
    const given = seen.map((one) => JSON.stringify(one).replace(/"id":"[^"]+"/g, ""));
    assert.equal(given[0], given[1]);
    assert.match(given[0] ?? "", /"name":"a".*"name":"b"/);
  });

  it("shows a product as running while its attempt runs, and sets its link", async () => {
    const held = heldFunction();
    const link = createFunction((task) => {
      task.link("https://example.org/plot");
      return held.work(task);
    });
    const { supervisor } = await start({ functions: { link } });
    const plan = await publish(supervisor, [{ name: "a", compute: "link" }]);
    const run = await held.run(0);
    await settled(supervisor, plan, ["running"]);
    run.finish({ done: true });
    await settled(supervisor, plan);
    const { link: shown, passback } = await productOf(supervisor, plan, "a");
    assert.deepEqual([shown, passback], ["https://example.org/plot", '{"done":true}']);
  });

  it("leaves products of external computes to their clients", async () => {
    const { supervisor } = await start({ functions: { f: () => null } });
    const plan = await publish(supervisor, [
      { name: "a", compute: "cams" },
      { name: "b", compute: "f", after: ["a"] },
    ]);
    assert.equal((await productOf(supervisor, plan, "a")).state, "queued");
    await supervisor.submit(report(plan, "a", "success"), client);
    await settled(supervisor, plan);
  });

  it("runs no more at once than the node and each compute allow", async () => {
    let running = 0;
    let most = 0;
    const busy = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resume) => setTimeout(resume, 10));
      running -= 1;
    };
    const functions = { f: createFunction(busy, { concurrency: 3 }), g: createFunction(busy, { concurrency: 30 }) };
    const { supervisor } = await start({ functions, concurrency: 5 });
    const tasks = Array.from({ length: 30 }, (_, i) => ({ name: `t${i}`, compute: i % 2 ? "f" : "g" }));
    await settled(supervisor, await publish(supervisor, tasks));
    assert.equal(most, 5);
  });
});

describe("a failing attempt", () => {
  it("is followed by others until one succeeds; each is recorded", async () => {
    const { supervisor } = await start({
      functions: {
        flaky: ({ attempt, log }) => {
          log(`try ${attempt}`);
          if (attempt < 3) throw new Error(`not yet: ${attempt}`);
          return attempt;
        },
      },
    });
    const plan = await publish(supervisor, [{ name: "a", compute: "flaky" }]);
    await settled(supervisor, plan);
    const shown = (await attempts(plan, "a")).map((one) => [
      one.attempt,
      one.token,
      one.outcome,
      one.error,
      one.output,
    ]);
    assert.deepEqual(shown, [
      [1, 1, "failed", "not yet: 1", "try 1\n"],
      [2, 2, "failed", "not yet: 2", "try 2\n"],
      [3, 3, "succeeded", null, "try 3\n"],
    ]);
  });

  it("fails the product when it was the last one, and its children wait", async () => {
    const { supervisor } = await start({
      functions: {
        fails: () => {
          throw new Error("no telemetry");
        },
      },
      attempts: 2,
    });
    const plan = await publish(supervisor, [
      { name: "a", compute: "fails" },
      { name: "b", compute: "fails", after: ["a"] },
    ]);
    await until("the product has failed", async () => (await productOf(supervisor, plan, "a")).state === "failed");
    assert.deepEqual(await outcomes(plan, "a"), ["failed", "failed"]);
    assert.equal((await productOf(supervisor, plan, "b")).state, "waiting");
    const [job] = await jobsOfProduct(database.sql, { ...plan, productId: plan.idOf("a") });
    assert.deepEqual([job?.state, job?.reason, job?.attempt], ["dead", "attempts_exhausted", 2]);
  });

  it("may be one that timed out", async () => {
    const slow = createFunction(() => new Promise(() => {}), { timeout_s: 0.05, attempts: 1 });
    const { supervisor } = await start({ functions: { slow } });
    const plan = await publish(supervisor, [{ name: "a", compute: "slow" }]);
    await settled(supervisor, plan, ["failed"]);
    assert.deepEqual(await outcomes(plan, "a"), ["timed_out"]);
  });
});

describe("a product that is changed while its attempt runs", () => {
  for (const [how, command] of [
    [
      "cleared",
      (plan: Published) => ({
        type: "products.clear" as const,
        datasetId: plan.datasetId,
        productIds: [plan.idOf("a")],
      }),
    ],
    [
      "disabled",
      (plan: Published) => ({
        type: "products.disable" as const,
        datasetId: plan.datasetId,
        productIds: [plan.idOf("a")],
      }),
    ],
    ["updated", (plan: Published) => report(plan, "a", "success")],
  ] as const) {
    it(`has its run told to end at once when it is ${how}, and the run's result never lands`, async () => {
      const held = heldFunction();
      const { supervisor } = await start({ functions: { f: held.work } });
      const plan = await publish(supervisor, [{ name: "a", compute: "f" }]);
      const run = await held.run(0);
      await settled(supervisor, plan, ["running"]);
      await supervisor.submit(command(plan), client);
      await until("the run is told to end", () => run.signal.aborted);
      run.finish("too late");
      await until("the cancelled run is recorded", async () => (await outcomes(plan, "a")).includes("cancelled"));
      assert.notEqual((await productOf(supervisor, plan, "a")).passback, '"too late"');
      if (how === "cleared") {
        (await held.run(1)).finish("anew");
        await settled(supervisor, plan);
        assert.equal((await productOf(supervisor, plan, "a")).passback, '"anew"');
      }
    });
  }

  it("is reset with its descendants when a parent is cleared", async () => {
    const held = heldFunction();
    const { supervisor } = await start({ functions: { quick: () => 1, f: held.work } });
    const plan = await publish(supervisor, [
      { name: "a", compute: "quick" },
      { name: "b", compute: "f", after: ["a"] },
    ]);
    const first = await held.run(0);
    await supervisor.submit(
      { type: "products.clear", datasetId: plan.datasetId, productIds: [plan.idOf("a")] },
      client,
    );
    await until("the run is told to end", () => first.signal.aborted);
    (await held.run(1)).finish(2);
    await settled(supervisor, plan);
    assert.deepEqual(await outcomes(plan, "b"), ["cancelled", "succeeded"]);
  });

  it("has its run on another node told by that node's next heartbeat", async () => {
    const held = heldFunction();
    await start({ functions: { f: held.work }, leaseMs: 300 });
    const { supervisor } = await start({ functions: { f: held.work }, concurrency: 0, leaseMs: 60_000 });
    const plan = await publish(supervisor, [{ name: "a", compute: "f" }]);
    const run = await held.run(0);
    await settled(supervisor, plan, ["running"]);
    await supervisor.submit(report(plan, "a", "failed"), client);
    await until("the run is told to end", () => run.signal.aborted);
    await until("the cancelled run is recorded", async () => (await outcomes(plan, "a")).includes("cancelled"));
  });
});

describe("several nodes", () => {
  it("run each attempt once between them", async () => {
    const runs = new Map<string, number>();
    const f = createFunction(({ product }) => {
      const id = product?.id ?? "";
      runs.set(id, (runs.get(id) ?? 0) + 1);
    });
    const [first, second] = [await start({ functions: { f } }), await start({ functions: { f } })];
    const tasks = (prefix: string) => Array.from({ length: 60 }, (_, i) => ({ name: `${prefix}${i}`, compute: "f" }));
    const plans = await Promise.all([publish(first.supervisor, tasks("x")), publish(second.supervisor, tasks("y"))]);
    await Promise.all(plans.map((plan) => settled(first.supervisor, plan)));
    assert.equal(runs.size, 120);
    assert.deepEqual([...new Set(runs.values())], [1]);
  });

  it("take over what a dead one held, once its lease has run out", async () => {
    const dead = pausable(database);
    const lost = heldFunction();
    const node = await startNode(dead, { functions: { f: lost.work }, leaseMs: 300 });
    const plan = await publish(node.supervisor, [{ name: "a", compute: "f" }]);
    await lost.run(0);
    await settled(node.supervisor, plan, ["running"]);
    dead.pause();
    const { supervisor, nodeId } = await start({ functions: { f: () => "taken over" }, leaseMs: 300 });
    await settled(supervisor, plan);
    assert.equal((await productOf(supervisor, plan, "a")).passback, '"taken over"');
    const shown = (await attempts(plan, "a")).map((one) => [one.attempt, one.token, one.outcome, one.workerId]);
    assert.deepEqual(shown, [
      [1, 1, "lost", node.nodeId],
      [2, 2, "succeeded", nodeId],
    ]);
    dead.resume();
    nodes.push(node);
  });

  it("shut out one that was stopped and comes back: its result changes nothing and is kept as evidence", async () => {
    const stopped = pausable(database);
    const zombie = heldFunction();
    const node = await startNode(stopped, { functions: { f: zombie.work }, leaseMs: 300 });
    nodes.push(node);
    const plan = await publish(node.supervisor, [{ name: "a", compute: "f" }]);
    const run = await zombie.run(0);
    await settled(node.supervisor, plan, ["running"]);
    stopped.pause();
    const { supervisor } = await start({ functions: { f: () => "by the living" }, leaseMs: 300 });
    await settled(supervisor, plan);
    run.finish("by the zombie");
    stopped.resume();
    await until("the zombie's result is recorded", async () => (await outcomes(plan, "a")).includes("superseded"));
    assert.deepEqual(await outcomes(plan, "a"), ["lost", "superseded", "succeeded"]);
    assert.equal((await productOf(node.supervisor, plan, "a")).passback, '"by the living"');
  });

  it("do not take what is renewed, however long it runs", async () => {
    const held = heldFunction();
    const [{ supervisor }] = [
      await start({ functions: { f: held.work }, leaseMs: 200 }),
      await start({ functions: { f: held.work }, leaseMs: 200 }),
    ];
    const plan = await publish(supervisor, [{ name: "a", compute: "f" }]);
    const run = await held.run(0);
    await new Promise((resume) => setTimeout(resume, 700)); // time itself is what is tested: three leases long
    run.finish();
    await settled(supervisor, plan);
    assert.deepEqual([held.runs.length, await outcomes(plan, "a")], [1, ["succeeded"]]);
  });
});

describe("a node that stops", () => {
  it("gives its runs back, so that another goes on at once and no attempt is burned", async () => {
    const held = heldFunction();
    const leaving = await startNode(database, { functions: { f: held.work }, attempts: 1, stopMs: 150 });
    const plan = await publish(leaving.supervisor, [{ name: "a", compute: "f" }]);
    const run = await held.run(0);
    await settled(leaving.supervisor, plan, ["running"]);
    const { supervisor } = await start({ functions: { f: () => "gone on" }, attempts: 1 });
    await leaving.stop();
    assert.ok(run.signal.aborted);
    await settled(supervisor, plan);
    assert.deepEqual(await outcomes(plan, "a"), ["cancelled", "succeeded"]);
  });

  it("gives back at once what a commit under way leases to it", async () => {
    const gate = Promise.withResolvers<void>();
    let commits = 0;
    const slow = watch((text) => {
      if (text.includes("add_job") && ++commits === 2) return gate.promise;
    });
    const leaving = await startNode(slow, { functions: { f: () => null }, pollMs: 60_000, stopMs: 150 });
    const known = await publish(leaving.supervisor, [{ name: "a", compute: "f" }]);
    await settled(leaving.supervisor, known);
    const publishing = publish(leaving.supervisor, [{ name: "b", compute: "f" }]);
    await until("the job is being stored", () => commits === 2);
    const { supervisor } = await start({ functions: { f: () => "gone on" } });
    const stopping = leaving.stop();
    gate.resolve();
    await stopping;
    const plan = await publishing;
    await settled(supervisor, plan);
    assert.equal((await productOf(supervisor, plan, "b")).passback, '"gone on"');
  });

  it("lets a run end that does so soon", async () => {
    const held = heldFunction();
    const { supervisor, runner } = await start({ functions: { f: held.work } });
    const plan = await publish(supervisor, [{ name: "a", compute: "f" }]);
    const run = await held.run(0);
    const stopping = runner.stop();
    run.finish("in time");
    await stopping;
    assert.equal((await productOf(supervisor, plan, "a")).passback, '"in time"');
  });
});

describe("a node that is alone on its store", () => {
  it("goes on at once with what its dead predecessor held", async () => {
    const dead = pausable(database);
    const held = heldFunction();
    const predecessor = await startNode(dead, { functions: { f: held.work }, leaseMs: 60_000, alone: true });
    nodes.push(predecessor);
    const plan = await publish(predecessor.supervisor, [{ name: "a", compute: "f" }]);
    await held.run(0);
    await settled(predecessor.supervisor, plan, ["running"]);
    dead.pause();
    const { supervisor } = await start({ functions: { f: () => "gone on" }, leaseMs: 60_000, alone: true });
    await settled(supervisor, plan);
    assert.deepEqual(await outcomes(plan, "a"), ["lost", "succeeded"]);
    dead.resume();
  });
});

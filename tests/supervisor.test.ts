/** The rules of one change (docs/architecture.md), each on a real database; two supervisors on it are two nodes. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import * as machines from "../actors/index.ts";
import { LeaseLostError, type OrreryError } from "../src/model/errors.ts";
import { newUuid } from "../src/model/ids.ts";
import { leaseJobs } from "../src/store/jobs.ts";
import type { PlanStore } from "../src/store/plan-store.ts";
import { createPlanStore } from "../src/store/plans.ts";
import { type Database, SqlError } from "../src/store/sql.ts";
import type { Committed, PlanView } from "../src/supervisor/supervisor.ts";
import { systemTimers } from "../src/supervisor/system-timers.ts";
import { openTestDatabase } from "./support/database.ts";
import { jobOf } from "./support/job-rows.ts";
import { until } from "./support/signal.ts";
import { HeldStore, origin, Sketch, supervise } from "./support/supervised.ts";

let database: Database;
let store: PlanStore;
before(async () => {
  database = await openTestDatabase();
  store = createPlanStore(database.sql);
});
after(() => database.close());

const stateOf = (view: PlanView | null, id: string) => view?.products.get(id)?.state;
const code = (error: unknown) => (error as OrreryError).code;

async function turnsOf(datasetId: string): Promise<{ revision: number; changes: string }[]> {
  return await database.sql`select revision, changes from event where dataset_id = ${datasetId}::uuid order by revision`;
}

describe("rule 1: acknowledged means durable", () => {
  it("lets no reply, read or live event out before the commit, and all of them after it", async () => {
    const held = new HeldStore(store);
    const node = supervise(held);
    const plan = new Sketch();
    await node.submit(plan.publish(["a>b"]), origin);
    const heard: Committed[] = [];
    node.onCommitted((turn) => heard.push(turn));
    held.hold();
    let isAnswered = false;
    const answer = node.submit(plan.update("a", "success"), origin).finally(() => {
      isAnswered = true;
    });
    // The read is answered after the turn has run, and must not show it.
    assert.equal(stateOf(await node.read(plan.datasetId), plan.id("a")), "queued");
    assert.deepEqual([isAnswered, heard.length], [false, 0]);
    held.letGo();
    const { planJson } = await answer;
    assert.equal((await node.read(plan.datasetId))?.json(), planJson);
    assert.equal(stateOf(await node.read(plan.datasetId), plan.id("b")), "queued");
    assert.deepEqual(
      heard.map((turn) => turn.revision),
      [2],
    );
  });

  it("appends one event a turn, with each change from → to", async () => {
    const node = supervise(store);
    const plan = new Sketch();
    await node.submit(plan.publish(["a>b"]), origin);
    await node.submit(plan.update("a", "success"), origin);
    const turns = await turnsOf(plan.datasetId);
    assert.deepEqual(
      turns.map((turn) => turn.revision),
      [1, 2],
    );
    const changes = [
      [plan.id("a"), "queued", "success"],
      [plan.id("b"), "waiting", "queued"],
    ];
    assert.deepEqual(JSON.parse(turns[1]?.changes ?? ""), changes);
  });
});

describe("rule 2: compare-and-set", () => {
  it("applies each of 300 concurrent updates through three nodes once", async () => {
    const nodes = [supervise(store), supervise(store), supervise(store)];
    const plan = new Sketch();
    await nodes[0]?.submit(plan.publish(["a", "b", "c"]), origin);
    const updates = Array.from({ length: 300 }, (_, i) =>
      nodes[i % 3]?.submit(plan.update("abc"[i % 3] ?? "a", "running"), origin),
    );
    await Promise.all(updates);
    assert.equal((await turnsOf(plan.datasetId)).length, 301);
    assert.equal((await nodes[2]?.read(plan.datasetId))?.revision, 301);
  });

  it("queues the child when its two parents succeed at the same time on two nodes", async () => {
    const nodes = [supervise(store), supervise(store)];
    for (let i = 0; i < 10; i++) {
      const plan = new Sketch();
      await nodes[0]?.submit(plan.publish(["a>c", "b>c"]), origin);
      await Promise.all([
        nodes[0]?.submit(plan.update("a", "success"), origin),
        nodes[1]?.submit(plan.update("b", "success"), origin),
      ]);
      assert.equal(stateOf((await nodes[0]?.read(plan.datasetId)) ?? null, plan.id("c")), "queued");
    }
  });

  it("fails only the turn whose data the database refuses, and runs the later ones without it", async () => {
    const held = new HeldStore(store);
    const node = supervise(held);
    const [plan, other] = [new Sketch(), new Sketch()];
    await node.submit(plan.publish(["a>b"]), origin);
    await node.submit(other.publish(["a"]), origin);
    held.hold();
    const first = node.submit(other.update("a", "running"), origin);
    await Promise.resolve();
    const refused = node.submit(plan.update("a", "success", "a NUL \u0000"), origin);
    const later = node.submit(plan.update("b", "failed"), origin);
    const beside = node.submit(other.update("a", "success"), origin);
    held.letGo();
    await first;
    await assert.rejects(refused, { code: "invalid_request" });
    await Promise.all([later, beside]);
    const view = await node.read(plan.datasetId);
    assert.deepEqual([stateOf(view, plan.id("a")), stateOf(view, plan.id("b"))], ["queued", "failed"]);
    assert.equal(stateOf(await node.read(other.datasetId), other.id("a")), "success");
  });

  it("judges a refusal by the current state, not by what this node last saw", async () => {
    const [here, there] = [supervise(store), supervise(store)];
    const plan = new Sketch();
    await here.submit(plan.publish(["a"]), origin);
    await there.submit(plan.publish(["a", "new"]), origin);
    // This node has never heard of "new".
    await here.submit(plan.update("new", "running"), origin);
  });

  it("sends what waits before it opens the gate of a batch, and no two batches at once of one dataset", async () => {
    const [first, other] = [new Sketch(), new Sketch()];
    const nameOf = (id: string) => (id === first.datasetId ? "first" : "other");
    const events: string[] = [];
    const held = new HeldStore(store);
    const told: PlanStore = {
      ...held,
      commit(steps) {
        events.push(...steps.map(({ datasetId, next }) => `sent ${nameOf(datasetId)} ${next}`));
        return held.commit(steps);
      },
    };
    const node = supervise(told);
    await node.submit(first.publish(["a"]), origin);
    node.onCommitted(({ datasetId, revision }) => events.push(`opened ${nameOf(datasetId)} ${revision}`));
    held.hold();
    const answers = [node.submit(first.update("a", "running"), origin)];
    await Promise.resolve();
    answers.push(node.submit(first.update("a", "success"), origin), node.submit(other.publish(["b"]), origin));
    await until("both wait for their commit", () => node.residents().mailboxDepth === 0);
    held.letGo();
    await Promise.all(answers);
    assert.deepEqual(events.slice(1), [
      "sent first 2",
      "sent other 1",
      "opened first 2",
      ...["sent first 3", "opened other 1", "opened first 3"],
    ]);
  });
});

describe("rule 3: commit unknown", () => {
  /** Breaks the first commit after `arm`: before or after the store has applied it. */
  function breaking(when: "before" | "after") {
    let isArmed = false;
    const broken: PlanStore = {
      ...bound(store),
      async commit(steps) {
        if (!isArmed) return await store.commit(steps);
        isArmed = false;
        if (when === "after") await store.commit(steps);
        throw new SqlError("unknown", null, "the connection broke");
      },
    };
    const arm = () => {
      isArmed = true;
    };
    return { broken, arm };
  }

  for (const when of ["before", "after"] as const) {
    it(`applies the turn once when the connection breaks ${when} it was applied`, async () => {
      const { broken, arm } = breaking(when);
      const node = supervise(broken);
      const plan = new Sketch();
      await node.submit(plan.publish(["a>b"]), origin);
      arm();
      const answer = await node.submit(plan.update("a", "success"), origin);
      assert.equal(answer.revision, 2);
      assert.equal((await turnsOf(plan.datasetId)).length, 2);
      assert.equal(stateOf(await node.read(plan.datasetId), plan.id("b")), "queued");
    });
  }

  it("applies the turn once when it comes through after it was given up and run again", async () => {
    let ghost: (() => Promise<unknown>) | null = null;
    let commits = 0;
    const late: PlanStore = {
      ...bound(store),
      async commit(steps) {
        commits += 1;
        if (commits === 2) {
          ghost = () => store.commit(steps);
          throw new SqlError("unknown", null, "the connection broke");
        }
        if (commits === 3) await ghost?.();
        return await store.commit(steps);
      },
    };
    const node = supervise(late);
    const plan = new Sketch();
    await node.submit(plan.publish(["a"]), origin);
    await node.submit(plan.clear("a"), origin);
    assert.equal((await turnsOf(plan.datasetId)).length, 2);
  });

  it("says 503 commit_unknown past the deadline, takes no commands meanwhile, and goes on once it is known", async () => {
    let isAway = false;
    const away: PlanStore = {
      ...bound(store),
      async commit(steps) {
        const outcome = await store.commit(steps);
        if (isAway) throw new SqlError("unknown", null, "the connection broke");
        return outcome;
      },
      async findTurn(...turn) {
        if (isAway) throw new SqlError("unavailable", null, "no connection");
        return await store.findTurn(...turn);
      },
    };
    let nowMs = 0;
    const clock = { now: () => "2026-01-31T10:20:30.123456+00:00", monotonicMs: () => nowMs };
    const sleep = async (ms: number) => {
      nowMs += ms;
      await systemTimers.breathe();
    };
    const node = supervise(away, { clock, timers: { ...systemTimers, sleep } });
    const plan = new Sketch();
    await node.submit(plan.publish(["a"]), origin);
    isAway = true;
    await assert.rejects(node.submit(plan.update("a", "running"), origin), { code: "commit_unknown", status: 503 });
    assert(nowMs > 10_000);
    await assert.rejects(node.submit(plan.update("a", "success"), origin), { code: "commit_unknown" });
    isAway = false;
    const deadlineMs = performance.now() + 5000;
    let revision: number | null = null;
    while (revision === null && performance.now() < deadlineMs) {
      const answer = await node.submit(plan.update("a", "success"), origin).catch(() => null);
      revision = answer?.revision ?? null;
    }
    // The update that nobody knew of had been applied; the one that was refused meanwhile had not.
    assert.equal(revision, 3);
  });
});

describe("rule 4: machines are pure", () => {
  it("no machine invokes, waits or defers anything", () => {
    for (const machine of Object.values(machines)) {
      const text = JSON.stringify(machine.config);
      for (const word of ['"invoke"', '"after"', '"delay"']) assert(!text.includes(word), `${machine.id} has ${word}`);
    }
  });
});

describe("rule 6: every queue has a bound", () => {
  it("refuses the command after the thousandth in a mailbox with 503, and keeps the others", async () => {
    const held = new HeldStore(store);
    const node = supervise(held);
    const plan = new Sketch();
    const load = held.load;
    let letGo = (): void => {};
    const gate = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    held.load = async (ids) => {
      await gate;
      return await load(ids);
    };
    const waiting = Array.from({ length: 1000 }, () => node.submit(plan.publish(["a"]), origin));
    await assert.rejects(node.submit(plan.publish(["a"]), origin), { code: "overloaded", status: 503 });
    letGo();
    await Promise.all(waiting);
    assert.equal((await node.read(plan.datasetId))?.revision, 1000);
  });

  it("runs a turn of 10,000 events in pieces, so that others are served meanwhile", async () => {
    let pieces = 0;
    const breathe = () => {
      pieces += 1;
      return systemTimers.breathe();
    };
    const node = supervise(store, { timers: { ...systemTimers, breathe } });
    const plan = new Sketch();
    const names = Array.from({ length: 10_000 }, (_, i) => `p${i}`);
    await node.submit(plan.publish([names.join(">")]), origin);
    assert(pieces >= 10, `${pieces} pieces`);
    await node.submit(plan.update("p0", "success"), origin);
    assert.equal(stateOf(await node.read(plan.datasetId), plan.id("p1")), "queued");
  });
});

describe("rules 7 and 8: a product names its current job, fenced by its lease", () => {
  async function dispatched(node = supervise(store), leaseMs = 60_000) {
    const plan = new Sketch();
    await node.submit(plan.publish(["a>b"], { compute: "work" }), origin);
    return { node, plan, lease: await leaseOf(plan, leaseMs) };
  }

  async function leaseOf(plan: Sketch, leaseMs: number) {
    const wanted = [{ queue: "products", jobType: "work", countMax: 1000 }];
    const { jobs } = await leaseJobs(database.sql, {
      workerId: "worker",
      leaseMs,
      labels: [],
      policyVersion: 1,
      wanted,
    });
    const job = jobs.find((one) => one.datasetId === plan.datasetId);
    assert(job);
    const { jobId, token } = job;
    return { datasetId: plan.datasetId, productId: plan.id("a"), jobId, token };
  }

  const jobState = async (jobId: string) => (await jobOf(database.sql, jobId))?.state;

  const report = {
    attempt: 1,
    workerId: "worker",
    startedAt: null,
    finishedAt: "2026-01-31T10:20:30.123456+00:00",
    outcome: "succeeded" as const,
    code: null,
    error: null,
    output: "",
  };

  it("moves the product with its attempts, and its job in the same commit", async () => {
    const { node, plan, lease } = await dispatched();
    await node.submit({ ...lease, type: "attempt.started" }, origin);
    assert.equal(stateOf(await node.read(plan.datasetId), plan.id("a")), "running");
    await node.submit(
      { ...lease, type: "attempt.succeeded", attempt: report, link: null, passback: '{"n":1}' },
      origin,
    );
    const view = await node.read(plan.datasetId);
    assert.deepEqual([stateOf(view, plan.id("a")), stateOf(view, plan.id("b"))], ["success", "queued"]);
    assert.equal(view?.products.get(plan.id("a"))?.passback, '{"n":1}');
    assert.equal(await jobState(lease.jobId), "succeeded");
  });

  it("takes the start and the end of an attempt in one turn, each as a change of its own", async () => {
    const { node, plan, lease } = await dispatched();
    const quick = { ...lease, begins: true, attempt: report };
    await node.submit({ ...quick, type: "attempt.failed", retryInMs: 0, reason: "attempts_exhausted" }, origin);
    assert.equal(stateOf(await node.read(plan.datasetId), plan.id("a")), "running");
    assert.equal((await jobOf(database.sql, lease.jobId))?.attempt, 1);
    const again = await leaseOf(plan, 60_000);
    await node.submit({ ...quick, ...again, type: "attempt.succeeded", link: null, passback: null }, origin);
    const view = await node.read(plan.datasetId);
    const { state, runId } = view?.products.get(plan.id("a")) ?? {};
    assert.deepEqual([view?.revision, state, runId], [3, "success", lease.jobId]);
    assert.equal((await jobOf(database.sql, lease.jobId))?.attempt, 2);
  });

  it("refuses a result under a superseded token, and changes nothing", async () => {
    const { node, plan, lease } = await dispatched();
    const stale = { ...lease, token: lease.token - 1 };
    const result = node.submit(
      { ...stale, type: "attempt.succeeded", attempt: report, link: null, passback: null },
      origin,
    );
    await assert.rejects(result, LeaseLostError);
    assert.equal(stateOf(await node.read(plan.datasetId), plan.id("a")), "queued");
    assert.equal((await turnsOf(plan.datasetId)).length, 1);
  });

  for (const first of ["the zombie", "the holder"] as const) {
    it(`lets no zombie's result in beside what the holder says, in one batch, when ${first} comes first`, async () => {
      const held = new HeldStore(store);
      const { node, plan, lease: zombie } = await dispatched(supervise(held), 0);
      const lost = { ...report, outcome: "lost" as const };
      await node.submit(
        { ...zombie, type: "lease.expired", attempt: lost, retryInMs: 0, reason: "attempts_exhausted" },
        origin,
      );
      const holder = await leaseOf(plan, 60_000);
      assert(holder.token > zombie.token);
      const other = new Sketch();
      held.hold();
      // Holds the committer, so that both come into the next batch.
      const before = node.submit(other.publish(["a"]), origin);
      await Promise.resolve();
      const late = () =>
        assert.rejects(
          node.submit({ ...zombie, type: "attempt.succeeded", attempt: report, link: null, passback: null }, origin),
          LeaseLostError,
        );
      const begun = () => node.submit({ ...holder, type: "attempt.started" }, origin);
      const both = first === "the zombie" ? [late(), begun()] : [begun(), late()];
      held.letGo();
      await Promise.all([before, ...both]);
      assert.equal(stateOf(await node.read(plan.datasetId), plan.id("a")), "running");
      assert.equal(await jobState(holder.jobId), "leased");
    });
  }

  it("cancels the job in the same commit when the product is reset from above, and lets its result change nothing", async () => {
    const { node, plan, lease } = await dispatched();
    await node.submit({ ...lease, type: "attempt.started" }, origin);
    await node.submit(plan.update("a", "success"), origin);
    assert.equal(await jobState(lease.jobId), "cancelled");
    const late = node.submit(
      { ...lease, type: "attempt.failed", attempt: report, retryInMs: null, reason: "attempts_exhausted" },
      origin,
    );
    await assert.rejects(late, LeaseLostError);
    assert.equal(stateOf(await node.read(plan.datasetId), plan.id("a")), "success");
  });
});

describe("rule 9: a plan is instantiated once", () => {
  it("leaves an existing plan alone, and answers it", async () => {
    const node = supervise(store);
    const plan = new Sketch();
    const once = plan.publish(["a"], { onlyIfAbsent: true });
    const [first, second] = await Promise.all([node.submit(once, origin), supervise(store).submit(once, origin)]);
    await node.submit(plan.update("a", "success"), origin);
    await node.submit(once, origin);
    assert.equal(stateOf(await node.read(plan.datasetId), plan.id("a")), "success");
    assert.equal(first.planJson, second.planJson);
  });
});

describe("rule 10: idempotency keys", () => {
  const under = (key: string, digest: string) => ({ ...origin, idempotency: { route: "PUT update", key, digest } });

  it("answers the same request the same, at once, later, and on another node, and applies it once", async () => {
    const [node, other] = [supervise(store), supervise(store)];
    const plan = new Sketch();
    await node.submit(plan.publish(["a>b"]), origin);
    const ask = () => node.submit(plan.update("a", "success"), under("k", "d"));
    const answers = await Promise.all([ask(), ask(), ask()]);
    await node.submit(plan.update("b", "running"), origin);
    answers.push(await ask(), await other.submit(plan.update("a", "success"), under("k", "d")));
    assert.equal(new Set(answers.map((answer) => answer.planJson)).size, 1);
    assert.equal((await turnsOf(plan.datasetId)).length, 3);
  });

  it("refuses the key with another body, and stores no errors under it", async () => {
    const node = supervise(store);
    const plan = new Sketch();
    await node.submit(plan.publish(["a"]), origin);
    const refused = (error: unknown) => code(error) === "not_found";
    await assert.rejects(node.submit(plan.update("nobody", "success"), under("k", "d")), refused);
    await node.submit(plan.update("a", "success"), under("k", "d2"));
    await assert.rejects(node.submit(plan.update("a", "failed"), under("k", "d3")), { code: "idempotency_key_reused" });
  });
});

describe("rule 11: passivation", () => {
  it("keeps few of many datasets in memory, and loads one once for all who ask together", async () => {
    const held = new HeldStore(store);
    const node = supervise(held, { limits: { datasetsMax: 20, idleMs: 60_000 } });
    const plans = Array.from({ length: 200 }, () => new Sketch());
    for (const plan of plans) await node.submit(plan.publish(["a"]), origin);
    assert(node.residents().datasets <= 26, `${node.residents().datasets} in memory`);
    const [first] = plans;
    assert(first);
    const before = held.counts.load;
    await Promise.all(Array.from({ length: 50 }, () => node.submit(first.update("a", "running"), origin)));
    assert.equal(held.counts.load - before, 1);
    assert.equal((await node.read(first.datasetId))?.revision, 51);
  });
});

describe("rule 12: several nodes", () => {
  it("shows on one node at once what another acknowledged", async () => {
    const [here, there] = [supervise(store), supervise(store)];
    const plan = new Sketch();
    await here.submit(plan.publish(["a"]), origin);
    for (let i = 0; i < 20; i++) {
      const [writer, reader] = i % 2 === 0 ? [here, there] : [there, here];
      const state = i % 3 === 0 ? "running" : "success";
      await writer.submit(plan.update("a", state), origin);
      assert.equal(stateOf(await reader.read(plan.datasetId), plan.id("a")), state);
    }
  });

  it("shares one revision check among many reads", async () => {
    const held = new HeldStore(store);
    const node = supervise(held);
    const plan = new Sketch();
    await node.submit(plan.publish(["a"]), origin);
    const before = held.counts.revisions;
    await Promise.all(Array.from({ length: 200 }, () => node.read(plan.datasetId)));
    assert(held.counts.revisions - before <= 2, `${held.counts.revisions - before} checks`);
  });

  it("answers null for a dataset that nobody stored, and keeps none of them", async () => {
    const node = supervise(store, { limits: { datasetsMax: 10 } });
    for (let i = 0; i < 50; i++) assert.equal(await node.read(newUuid()), null);
    assert(node.residents().datasets <= 13);
  });
});

const bound = (real: PlanStore): PlanStore => ({
  load: (ids) => real.load(ids),
  revisions: (ids) => real.revisions(ids),
  commit: (steps) => real.commit(steps),
  findTurn: (...turn) => real.findTurn(...turn),
  findAnswer: (key) => real.findAnswer(key),
});

/** What a supervisor tells to somebody who watches: what was committed, once, and nothing that was undone, refused or left out of bounds. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { PlanStore } from "../src/store/plan-store.ts";
import { createPlanStore } from "../src/store/plans.ts";
import type { Database } from "../src/store/sql.ts";
import { stepsMax, type WatchedTurn } from "../src/supervisor/inspection.ts";
import { openTestDatabase } from "./support/database.ts";
import { until } from "./support/signal.ts";
import { HeldStore, origin, Sketch, supervise } from "./support/supervised.ts";

let database: Database;
let store: PlanStore;
before(async () => {
  database = await openTestDatabase();
  store = createPlanStore(database.sql);
});
after(() => database.close());

const eventsOf = ({ revision, steps }: WatchedTurn) =>
  `${revision} ${steps.map(({ machine, event, state }) => `${machine}.${event.type}>${state}`).join(" ")}`;

describe("who watches a supervisor", () => {
  it("is told of a turn after its commit, and of plans that were in memory before and that come later", async () => {
    const held = new HeldStore(store);
    const node = supervise(held);
    const [early, late] = [new Sketch(), new Sketch()];
    await node.submit(early.publish(["a"]), origin);
    const told: WatchedTurn[] = [];
    const stop = node.inspection.watch((turn) => told.push(turn));
    held.hold();
    const answer = node.submit(early.update("a", "success"), origin);
    await until("its commit is under way", () => held.counts.commit === 2);
    assert.equal(told.length, 0);
    held.letGo();
    await answer;
    await node.submit(late.publish(["x"]), origin);
    assert.deepEqual(told.map(eventsOf), [
      "2 product.reported>success",
      "1 dataset.published>active product.xstate.init>waiting product.triggered>queued",
    ]);
    assert.deepEqual([told[0]?.cause, told[0]?.service], [origin.cause, origin.service]);
    const [reported] = told[0]?.steps ?? [];
    assert.deepEqual([reported?.before, reported?.guards], ["queued", ["reports(success)"]]);
    assert.deepEqual(reported?.actions, ["takeBackJob", "move(success)", "tell"]);
    assert.equal(reported?.actorId, `${early.datasetId}/${early.id("a")}`);
    stop();
    await node.submit(early.clear("a"), origin);
    assert.equal(told.length, 2);
    await node.stop();
  });

  it("is not told of what another node undid, nor of what was refused", async () => {
    const [one, other] = [supervise(store), supervise(store)];
    const plan = new Sketch();
    await one.submit(plan.publish(["a>b"]), origin);
    const told: WatchedTurn[] = [];
    const stop = one.inspection.watch((turn) => told.push(turn));
    // Unknown to the first node, which runs its command on what it knows, loses, and runs it again.
    await other.submit(plan.update("a", "running"), origin);
    await one.submit(plan.update("a", "success"), origin);
    await assert.rejects(one.submit({ type: "dataset.unpause", datasetId: plan.datasetId }, origin));
    assert.deepEqual(told.map(eventsOf), ["3 product.reported>success product.triggered>queued"]);
    assert.equal(told[0]?.steps[0]?.before, "running");
    stop();
    await Promise.all([one.stop(), other.stop()]);
  });

  it("is told of a bounded part of a large turn, and how much was left out", async () => {
    const node = supervise(store);
    const plan = new Sketch();
    const told: WatchedTurn[] = [];
    const stop = node.inspection.watch((turn) => told.push(turn));
    const products = 600;
    await node.submit(plan.publish(Array.from({ length: products }, (_, n) => `p${n}`)), origin);
    assert.deepEqual([told[0]?.steps.length, told[0]?.stepsLeftOut], [stepsMax, 2 * products + 1 - stepsMax]);
    stop();
    await node.stop();
  });

  it("cannot harm a commit by throwing, and others are told all the same", async () => {
    const defects: unknown[] = [];
    const observe = { turn: () => {}, batch: () => {}, defect: (error: unknown) => defects.push(error) };
    const node = supervise(store, { observe });
    const plan = new Sketch();
    let told = 0;
    const stops = [
      node.inspection.watch(() => {
        throw new Error("a page broke");
      }),
      node.inspection.watch(() => {
        told += 1;
      }),
    ];
    await node.submit(plan.publish(["a"]), origin);
    assert.deepEqual([told, defects.length], [1, 1]);
    for (const stop of stops) stop();
    await node.stop();
  });
});

describe("what lives", () => {
  it("is listed as it was committed, until it leaves memory", async () => {
    const held = new HeldStore(store);
    const node = supervise(held, { limits: { idleMs: 200 } });
    const plan = new Sketch();
    await node.submit(plan.publish(["a"]), origin);
    held.hold();
    const answer = node.submit(plan.update("a", "success"), origin);
    const resident = node.inspection.resident(plan.datasetId);
    assert.deepEqual(
      [...(resident?.view.products.values() ?? [])].map(({ state }) => state),
      ["queued"],
    );
    held.letGo();
    await answer;
    assert.equal(node.inspection.residents()[0]?.view.revision, 2);
    await until("it rests", () => node.inspection.resident(plan.datasetId) === null);
    assert.deepEqual(node.inspection.residents(), []);
    await node.stop();
  });
});

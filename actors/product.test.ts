import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createActor } from "xstate";
import { type ProductRow, productStates } from "../src/model/plan.ts";
import { type ProductEmitted, type ProductEvent, productMachine } from "./product.ts";

const stamp = { by: "tester", at: "2026-01-31T10:20:30.123456+00:00" };
const jobId = "11111111-1111-4111-8111-111111111111";
const job = { jobId, attemptsMax: 3, queue: "products", requires: [] };

function product(change: Partial<ProductRow> = {}): ProductRow {
  return {
    productId: "22222222-2222-4222-8222-222222222222",
    compute: "decode",
    name: "frames",
    version: "1",
    eager: true,
    passthrough: null,
    extra: null,
    state: "waiting",
    runId: null,
    link: null,
    passback: null,
    jobId: null,
    modifiedBy: "before",
    modifiedAt: "2026-01-01T00:00:00.000000+00:00",
    ...change,
  };
}

function given(row: ProductRow) {
  const said: ProductEmitted[] = [];
  const snapshot = productMachine.resolveState({ value: row.state, context: row });
  const actor = createActor(productMachine, { input: row, snapshot });
  actor.on("*", (what) => said.push(what));
  actor.start();
  return {
    when(event: ProductEvent) {
      actor.send(event);
      const { value, context } = actor.getSnapshot();
      return { state: value, row: context, said };
    },
  };
}

describe("a data product", () => {
  it("queues an eager product when it is triggered, and enqueues one job that the row names", () => {
    const { state, row, said } = given(product()).when({ type: "triggered", job, stamp });
    assert.equal(state, "queued");
    assert.equal(row.jobId, jobId);
    assert.deepEqual(said, [
      { type: "job.enqueue", job, row },
      { type: "product.changed", row },
    ]);
  });

  it("queues without a job what somebody else computes", () => {
    const { state, said } = given(product()).when({ type: "triggered", job: null, stamp });
    assert.equal(state, "queued");
    assert.deepEqual(
      said.map((what) => what.type),
      ["product.changed"],
    );
  });

  it("leaves a lazy product waiting when it is triggered, and says nothing", () => {
    const { state, said } = given(product({ eager: false })).when({ type: "triggered", job, stamp });
    assert.deepEqual([state, said], ["waiting", []]);
  });

  it("runs only for the job that it names", () => {
    const queued = product({ state: "queued", jobId });
    assert.equal(given(queued).when({ type: "attempt.started", jobId, stamp }).state, "running");
    const other = "33333333-3333-4333-8333-333333333333";
    assert.equal(given(queued).when({ type: "attempt.started", jobId: other, stamp }).state, "queued");
  });

  it("takes link and passback of its own job's success, and names the job no more", () => {
    const running = given(product({ state: "running", jobId, runId: jobId }));
    const { state, row, said } = running.when({
      type: "attempt.succeeded",
      jobId,
      link: "http://x/",
      passback: "1",
      stamp,
    });
    assert.deepEqual([state, row.link, row.passback, row.jobId, row.runId], ["success", "http://x/", "1", null, jobId]);
    assert.deepEqual(
      said.map((what) => what.type),
      ["product.changed"],
    );
  });

  it("cancels its job on any other way out of queued or running", () => {
    const ways: ProductEvent[] = [
      { type: "cleared", stamp },
      { type: "disabled", stamp },
      { type: "reported", state: "success", runId: null, link: null, passback: null, stamp },
    ];
    for (const state of ["queued", "running"] as const) {
      for (const way of ways) {
        const { row, said } = given(product({ state, jobId })).when(way);
        assert.deepEqual(said[0], { type: "job.cancel", jobId, productId: row.productId });
        assert.equal(row.jobId, null);
      }
    }
  });

  it("keeps its run fields when it is cleared, and replaces all of them when it is reported", () => {
    const done = product({ state: "success", runId: jobId, link: "http://x/", passback: "1" });
    const cleared = given(done).when({ type: "cleared", stamp }).row;
    assert.deepEqual(
      [cleared.state, cleared.runId, cleared.link, cleared.passback],
      ["waiting", jobId, "http://x/", "1"],
    );
    const event = { type: "reported", state: "failed", runId: null, link: null, passback: "2", stamp } as const;
    const reported = given(done).when(event).row;
    assert.deepEqual([reported.state, reported.runId, reported.link, reported.passback], ["failed", null, null, "2"]);
  });

  it("is locked once disabled, until it is enabled", () => {
    const locked: ProductEvent[] = [
      { type: "cleared", stamp },
      { type: "disabled", stamp },
      { type: "triggered", job, stamp },
      { type: "attempt.started", jobId, stamp },
      { type: "reported", state: "running", runId: null, link: null, passback: null, stamp },
    ];
    for (const event of locked) {
      const { state, said } = given(product({ state: "disabled" })).when(event);
      assert.deepEqual([state, said], ["disabled", []], event.type);
    }
    assert.equal(given(product({ state: "disabled" })).when({ type: "enabled", stamp }).state, "waiting");
  });

  it("takes a new definition in any state without moving", () => {
    for (const state of productStates) {
      const { productId, compute, version, eager, passthrough, extra } = product();
      const definition = { productId, compute, name: "renamed", version, eager, passthrough, extra };
      const after = given(product({ state })).when({ type: "defined", definition, stamp });
      assert.deepEqual([after.state, after.row.state, after.row.name], [state, state, "renamed"]);
    }
  });

  it("keeps the state in its row equal to its own, and stamps every change", () => {
    const events: ProductEvent[] = [
      { type: "triggered", job, stamp },
      { type: "attempt.started", jobId, stamp },
      { type: "attempts.exhausted", jobId, stamp },
      { type: "cleared", stamp },
      { type: "disabled", stamp },
      { type: "enabled", stamp },
    ];
    const living = given(product());
    for (const event of events) {
      const { state, row } = living.when(event);
      assert.equal(row.state, state);
      assert.deepEqual([row.modifiedBy, row.modifiedAt], [stamp.by, stamp.at]);
    }
  });
});

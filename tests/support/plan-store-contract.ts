/** What every store of plans must do: run over the one by SQL and over the simulation's. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { newUuid } from "../../src/model/ids.ts";
import type { ProductRow } from "../../src/model/plan.ts";
import type { FirstLease, PlanStore, Step } from "../../src/store/plan-store.ts";

const at = "2026-01-31T10:20:30.123456+00:00";

/** `leaseJob`: gives the job to a holder, and returns the token. */
export interface ContractedStore {
  readonly store: PlanStore;
  leaseJob(jobId: string): Promise<number>;
  close(): Promise<void>;
}

export function planStoreContract(name: string, open: () => Promise<ContractedStore>): void {
  describe(`${name} as a store of plans`, () => {
    let opened: ContractedStore;
    let store: PlanStore;
    before(async () => {
      opened = await open();
      store = opened.store;
    });
    after(() => opened.close());

    it("gives back what was stored, client JSON and microseconds to the letter", async () => {
      const first = creation();
      const [row] = first.defined;
      assert(row);
      await store.commit([first]);
      const plan = (await store.load([first.datasetId])).get(first.datasetId);
      assert.deepEqual(plan && { ...plan, products: byId(plan.products) }, {
        revision: 1,
        dataset: first.dataset,
        products: byId(first.defined),
        dependencies: first.dependencies,
      });
    });

    it("knows nothing of a dataset that was never stored", async () => {
      const id = newUuid();
      assert.equal((await store.load([id])).size, 0);
      assert.equal((await store.revisions([id])).size, 0);
    });

    it("applies a step only on the revision that it expects, and the others of its batch all the same", async () => {
      const [one, other] = [creation(), creation()];
      await store.commit([one, other]);
      const late = { ...one, base: 5, next: 6 };
      const { won } = await store.commit([late, { ...other, base: 1, next: 3, events: [] }]);
      assert.deepEqual([...won], [other.datasetId]);
      const revisions = await store.revisions([one.datasetId, other.datasetId]);
      assert.deepEqual([revisions.get(one.datasetId), revisions.get(other.datasetId)], [1, 3]);
    });

    it("lets one of two creations win", async () => {
      const step = creation();
      const outcomes = await Promise.all([store.commit([step]), store.commit([step])]);
      assert.deepEqual(outcomes.map(({ won }) => won.size).sort(), [0, 1]);
    });

    it("checks a revision without a change when the step has none", async () => {
      const step = creation();
      const check = { ...step, dataset: null, defined: [], moved: [], dependencies: [], events: [] };
      assert.equal((await store.commit([{ ...check, base: 0, next: 0 }])).won.size, 1, "absent as expected");
      await store.commit([step]);
      assert.equal((await store.commit([{ ...check, base: 1, next: 1 }])).won.size, 1);
      assert.equal((await store.commit([{ ...check, base: 0, next: 0 }])).won.size, 0, "no longer absent");
      assert.equal((await store.commit([{ ...check, base: 2, next: 2 }])).won.size, 0);
      assert.equal((await store.revisions([step.datasetId])).get(step.datasetId), 1);
    });

    it("finds a stored turn by its revision, and no other", async () => {
      const step = creation();
      await store.commit([step]);
      const turnId = step.events[0]?.turnId ?? "";
      assert.equal(await store.findTurn(step.datasetId, 1, turnId), true);
      assert.equal(await store.findTurn(step.datasetId, 2, turnId), false);
      assert.equal(await store.findTurn(step.datasetId, 1, newUuid()), false);
      assert.equal(await store.findTurn(newUuid(), 1, turnId), false);
    });

    it("keeps an answer under its key, for that service, route and dataset", async () => {
      const step = creation();
      const key = { scope: step.datasetId, service: "me", route: "POST /api/plan", key: "once" };
      await store.commit([
        { ...step, answers: [{ ...key, digest: "d", answer: '{"a":"\\u0000"}', at: new Date().toISOString() }] },
      ]);
      assert.deepEqual(pick(await store.findAnswer(key)), { digest: "d", answer: '{"a":"\\u0000"}' });
      assert.equal(await store.findAnswer({ ...key, service: "you" }), null);
      assert.equal(await store.findAnswer({ ...key, scope: newUuid() }), null);
    });

    it("moves a product's job with its plan, under the current lease", async () => {
      const { step, jobId, productId } = withJob();
      await store.commit([step]);
      const token = await opened.leaseJob(jobId);
      const begun = { ...move(jobId, productId), fence: token, to: "leased" as const, begins: true };
      assert.equal((await store.commit([next(step, 1, [begun])])).won.size, 1);
      const done = { ...move(jobId, productId), fence: token, to: "succeeded" as const, report };
      assert.equal((await store.commit([next(step, 2, [done])])).won.size, 1);
      // It is over: the same lease moves nothing any more.
      assert.deepEqual([...(await store.commit([next(step, 3, [done])])).superseded], [jobId]);
    });

    it("refuses the whole step under an old token, and names the job", async () => {
      const { step, jobId, productId } = withJob();
      await store.commit([step]);
      const token = await opened.leaseJob(jobId);
      const stale = { ...move(jobId, productId), fence: token - 1, to: "succeeded" as const, report };
      const outcome = await store.commit([next(step, 1, [stale])]);
      assert.deepEqual([[...outcome.won], [...outcome.superseded]], [[], [jobId]]);
      assert.equal((await store.revisions([step.datasetId])).get(step.datasetId), 1);
    });

    it("does not take a lease for expired that is not", async () => {
      const { step, jobId, productId } = withJob();
      await store.commit([step]);
      const fence = await opened.leaseJob(jobId);
      const expired = { ...move(jobId, productId), fence, to: "queued" as const, onlyIfExpired: true, report };
      assert.deepEqual([...(await store.commit([next(step, 1, [expired])])).superseded], [jobId]);
    });

    it("leases a new job in the commit that stores it, unless the policies have changed", async () => {
      const lease = { workerId: "worker", leaseMs: 60_000, policyVersion: 1 };
      const { step, jobId, productId } = withJob(lease);
      assert.equal((await store.commit([step])).leases, true);
      const done = { ...move(jobId, productId), fence: 1, to: "succeeded" as const, begins: true, report };
      assert.equal((await store.commit([next(step, 1, [done])])).won.size, 1);

      const late = withJob({ ...lease, policyVersion: 0 });
      assert.equal((await store.commit([late.step])).leases, false);
      assert.equal(await opened.leaseJob(late.jobId), 1);
    });

    it("leases nothing of a step that lost", async () => {
      const { step } = withJob({ workerId: "worker", leaseMs: 60_000, policyVersion: 1 });
      const outcome = await store.commit([{ ...step, base: 1, next: 2 }]);
      assert.deepEqual([outcome.won.size, outcome.leases], [0, false]);
    });

    it("cancels a job whoever holds it, and its holder's outcome then changes nothing", async () => {
      const { step, jobId, productId } = withJob();
      await store.commit([step]);
      const token = await opened.leaseJob(jobId);
      assert.equal((await store.commit([next(step, 1, [{ ...move(jobId, productId), to: "cancelled" }])])).won.size, 1);
      const done = { ...move(jobId, productId), fence: token, to: "succeeded" as const, report };
      assert.deepEqual([...(await store.commit([next(step, 2, [done])])).superseded], [jobId]);
    });
  });
}

const pick = (found: { digest: string; answer: string } | null) =>
  found && { digest: found.digest, answer: found.answer };

function product(change: Partial<ProductRow> = {}): ProductRow {
  return {
    productId: newUuid(),
    compute: "cams",
    name: 'quote " back \\ slash {brace}, NULL ü 🛰',
    version: "",
    eager: false,
    passthrough: '{"n":18446744073709551615,"nul":"\\u0000"}',
    extra: null,
    state: "waiting",
    runId: null,
    link: null,
    passback: null,
    jobId: null,
    modifiedBy: "me",
    modifiedAt: at,
    ...change,
  };
}

function creation(): Step {
  const datasetId = newUuid();
  const [parent, child] = [
    product({ state: "success", runId: newUuid(), link: "null", passback: '"null"' }),
    product(),
  ];
  const stamp = { modifiedBy: "me", modifiedAt: at };
  return {
    datasetId,
    base: 0,
    next: 1,
    modifiedAt: at,
    dataset: { datasetId, paused: false, extra: '{"a":[1.0,"\\ud800"]}', ...stamp },
    names: "",
    defined: [parent, child],
    moved: [],
    dependencies: [{ parentId: parent.productId, childId: child.productId, extra: "[]", ...stamp }],
    events: [event(1)],
    jobs: [],
    jobMoves: [],
    answers: [],
  };
}

function withJob(lease?: FirstLease) {
  const step = creation();
  const jobId = newUuid();
  const queued = product({ state: "queued", jobId, compute: "work" });
  const job = {
    jobId,
    productId: queued.productId,
    queue: "products",
    jobType: "work",
    requires: [],
    attemptsMax: 3,
    by: "me",
    at,
    state: "queued" as const,
    ...(lease && { lease }),
  };
  return { jobId, productId: queued.productId, step: { ...step, defined: [queued], dependencies: [], jobs: [job] } };
}

const event = (revision: number) => ({
  revision,
  part: 0,
  turnId: newUuid(),
  at,
  service: "me",
  cause: "test",
  changes: [],
});

const next = (step: Step, base: number, jobMoves: Step["jobMoves"]): Step => {
  const nothing = { dataset: null, names: null, defined: [], dependencies: [], jobs: [] };
  return { ...step, ...nothing, base, next: base + 1, events: [event(base + 1)], jobMoves };
};

const move = (jobId: string, productId: string): Step["jobMoves"][number] => ({
  jobId,
  productId,
  fence: null,
  to: "leased",
  runInMs: 0,
  at,
  begins: false,
  onlyIfExpired: false,
  report: null,
  reason: null,
});

const report = {
  attempt: 1,
  workerId: "worker",
  startedAt: null,
  finishedAt: at,
  outcome: "succeeded" as const,
  code: null,
  error: null,
  output: "",
};

/** A plan's products come in any order. */
function byId(products: readonly ProductRow[]): ProductRow[] {
  return [...products].sort((a, b) => (a.productId < b.productId ? -1 : 1));
}

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createFunction } from "../compute/function.ts";
import { newUuid } from "../model/ids.ts";
import type { JobInsert } from "../store/plan-store.ts";
import { HeldJob } from "./held-job.ts";
import { type Lane, Lanes } from "./lanes.ts";
import { KeptPlaces } from "./places.ts";

/** A node of two slots, whose lane has been claimed from unless it `hasBacklog`. */
function node({ hasBacklog = false, isLimited = false, slots = 2 } = {}) {
  const compute = createFunction(() => null, { concurrency: slots });
  const lanes = new Lanes(
    () => compute,
    () => ({ observe: () => {} }),
  );
  const lane = lanes.wake({ queue: "products", jobType: "f", keyed: false }) as Lane;
  lane.hasBacklog = hasBacklog;
  const batches: number[] = [];
  const places = new KeptPlaces({
    claims: {
      claim: async () => assert.fail("nothing is claimed here"),
      ...{ isPaused: () => false, isLimited: () => isLimited, policyVersion: 7 },
    },
    lanes,
    holder: { workerId: "w", leaseMs: 1000, labels: ["gpu"] },
    log: { warn: assert.fail },
    isOpen: () => true,
    room: () => ({ slots, leases: 100 }),
    onLeased: (job, to) => to.add(new HeldJob(job, to)),
    onBatch: (count) => batches.push(count),
  });
  return { lane, places, batches };
}

const job = (change: Partial<JobInsert> = {}): JobInsert => ({
  ...{ jobId: newUuid(), productId: newUuid(), queue: "products", jobType: "f", requires: [], attemptsMax: 1 },
  ...{ by: "me", at: "2026-01-31T10:20:30.123456+00:00", state: "queued", ...change },
});

describe("places for new jobs", () => {
  it("are as many as there are free slots, under the lease of the node and the policies it knows", () => {
    const { places } = node();
    const kept = [...places.keep([job(), job(), job()]).values()];
    const lease = { workerId: "w", leaseMs: 1000, policyVersion: 7 };
    assert.deepEqual(
      kept.map((place) => place.lease),
      [lease, lease],
    );
  });

  it("are kept for none where others come first: what was left in the store, and what a claim is bringing", () => {
    assert.equal(node({ hasBacklog: true }).places.keep([job()]).size, 0);
    const { lane, places } = node();
    lane.isClaiming = true;
    assert.equal(places.keep([job()]).size, 0);
    lane.isClaiming = false;
    for (const place of places.keep([job(), job(), job()]).values()) place.leave();
    // The third one is stored, and has its turn before any that comes now.
    assert.equal(places.keep([job()]).size, 0);
    lane.hasBacklog = false;
    assert.equal(places.keep([job(), job()]).size, 2);
  });

  it("are kept only for what may run here", () => {
    assert.equal(node({ isLimited: true }).places.keep([job()]).size, 0);
    const { places } = node();
    const others = [job({ jobType: "g" }), job({ requires: ["gpu", "x"] }), job({ state: "cancelled" })];
    assert.equal(places.keep(others).size, 0);
    assert.equal(places.keep([job({ requires: ["gpu"] })]).size, 1);
  });

  it("keep their lane, and are waited for", async () => {
    const { lane, places, batches } = node();
    const one = job();
    const [place] = places.keep([one]).values();
    lane.mayHaveMore = false;
    assert.equal(lane.isIdle, false);
    const settled = places.settled();
    place?.take({ ...leased, jobId: one.jobId });
    await settled;
    assert.deepEqual([lane.take()?.job.jobId, batches], [one.jobId, [1]]);
  });
});

const leased = {
  ...{ bundleId: null, token: 1, attempt: 0, returned: 0, attemptsMax: 1, waitedS: 0, queue: "products", jobType: "f" },
  ...{ concurrencyKey: null, datasetId: null, productId: null, payload: null, timeoutMs: null, extra: null },
  ...{ name: null, version: null, passthrough: null, parents: [] },
};

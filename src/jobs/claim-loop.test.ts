import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createFunction } from "../compute/function.ts";
import type { LeasedJob } from "../store/jobs.ts";
import { ClaimLoop } from "./claim-loop.ts";
import type { Claimed } from "./claims.ts";
import { HeldJob } from "./held-job.ts";
import { Lanes } from "./lanes.ts";

const leased: LeasedJob = {
  bundleId: null,
  ...{ jobId: "01a21514-7dd0-7000-befa-818e50bf2045", token: 1, attempt: 0, returned: 0, attemptsMax: 3, waitedS: 0 },
  ...{ queue: "default", jobType: "f", concurrencyKey: null, datasetId: null, productId: null, payload: null },
  ...{ timeoutMs: null, extra: null, name: null, version: null, passthrough: null, parents: [] },
};

describe("the claim loop", () => {
  it("keeps a lane while its jobs are on their way, whenever idle lanes are forgotten", async () => {
    const compute = createFunction(() => null);
    const lanes = new Lanes(
      () => compute,
      () => ({ observe: () => {} }),
    );
    lanes.wake({ queue: "default", jobType: "f", keyed: false });
    const claimed = Promise.withResolvers<Claimed>();
    let claims = 0;
    const loop = new ClaimLoop({
      claims: {
        claim: async () => (++claims === 1 ? await claimed.promise : { jobs: [], retryInMs: null }),
        ...{ isPaused: () => false, isLimited: () => false, policyVersion: 1 },
      },
      lanes,
      holder: { workerId: "w", leaseMs: 1000, labels: [] },
      log: { warn: assert.fail },
      isOpen: () => true,
      room: () => ({ slots: 10, leases: 10 }),
      onLeased: (job, lane) => lane.add(new HeldJob(job, lane)),
      onBatch: () => {},
    });
    loop.start();
    claimed.resolve({ jobs: [leased], retryInMs: null });
    // The poll that forgets may go on between any two steps of the claim.
    for (let step = 0; step < 20; step++) {
      await Promise.resolve();
      lanes.forgetIdle();
    }
    await loop.settled();
    assert.deepEqual(
      lanes.all().map((lane) => lane.take()?.job.jobId),
      [leased.jobId],
    );
  });
});

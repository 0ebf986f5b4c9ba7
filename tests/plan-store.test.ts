/** The stores of plans: the one by SQL, on whichever database the run has, and the simulation's. */
import { leaseJobs } from "../src/store/jobs.ts";
import { createPlanStore } from "../src/store/plans.ts";
import { FakeDatabase } from "./simulation/fake-database.ts";
import { openTestDatabase } from "./support/database.ts";
import { planStoreContract } from "./support/plan-store-contract.ts";

planStoreContract("SQL", async () => {
  const database = await openTestDatabase();
  return {
    store: createPlanStore(database.sql),
    async leaseJob(jobId) {
      const wanted = [{ queue: "products", jobType: "work", countMax: 100 }];
      const { jobs } = await leaseJobs(database.sql, {
        workerId: "worker",
        leaseMs: 60_000,
        labels: [],
        policyVersion: 1,
        wanted,
      });
      return jobs.find((job) => job.jobId === jobId)?.token ?? 0;
    },
    close: () => database.close(),
  };
});

planStoreContract("the simulation's fake", async () => {
  const database = new FakeDatabase(() => 0);
  return {
    store: database,
    async leaseJob(jobId) {
      for (;;) {
        const job = database.lease(60_000);
        if (job === null || job.jobId === jobId) return job?.token ?? 0;
      }
    },
    close: async () => {},
  };
});

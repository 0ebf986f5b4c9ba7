/** A node as a process of its own, to be stopped or killed: argv names the database, the lease and how long a run takes, in ms. */
import { openDatabase } from "../../src/store/open.ts";
import { quietLog } from "./database.ts";
import { startNode } from "./jobs.ts";

const [databaseUrl = "", leaseMs, runMs] = process.argv.slice(2);
const database = await openDatabase({ databaseUrl, dataDir: "", maxConnections: 4 }, quietLog);
await startNode(database, {
  leaseMs: Number(leaseMs),
  functions: {
    f: async () => {
      console.log("running");
      await new Promise((resume) => setTimeout(resume, Number(runMs)));
      console.log("done");
      return "by the other process";
    },
  },
});
console.log("ready");

/** Workers: who runs jobs, what they hold, and the wish that one takes no more. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { NotFoundError } from "../model/errors.ts";
import { drainWorker, listWorkers, type WorkerView } from "../store/worker-views.ts";
import { json } from "./answer.ts";
import { guardedOperation, openOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";
import { date, id } from "./schemas.ts";

const tag = "worker";
const listedMax = 1000;

const Worker = z
  .object({
    id: z.string(),
    kind: z.enum(["node", "remote"]),
    name: z.string(),
    host: z.string(),
    version: z.string(),
    queues: z.array(z.string()).nullable().openapi({ description: "null: whatever it can run" }),
    labels: z.array(z.string()),
    slots: z.int(),
    held: z.int(),
    started_at: date,
    seen_at: date,
    draining: z.boolean(),
    state: z.enum(["idle", "busy", "draining", "lost"]).openapi({ description: "lost: not heard of for 30 s" }),
    jobs: z.array(id).openapi({ description: "What it has leased, up to 100" }),
  })
  .openapi("Worker");

export function workerRoutes({ database, auth }: AppParts): OpenAPIHono {
  const { sql } = database;
  const routes = new OpenAPIHono();

  openOperation(
    routes,
    { method: "get", path: "/worker", summary: "List the workers, the last seen first", tag, answer: z.array(Worker) },
    async () => json((await listWorkers(sql, listedMax)).map(shownWorker)),
  );

  guardedOperation(
    routes,
    auth,
    {
      method: "put",
      path: "/worker/{id}/drain",
      role: "operate",
      audit: "worker.drain",
      summary: "Let a worker take no more; what it holds it finishes",
      tag,
      answer: Worker,
    },
    async ({ param }) => {
      const workerId = param("id");
      const isThere = await drainWorker(sql, workerId);
      const [worker] = isThere ? await listWorkers(sql, 1, workerId) : [];
      if (worker === undefined) throw new NotFoundError("worker", workerId);
      return json(shownWorker(worker));
    },
  );
  return routes;
}

const shownWorker = (worker: WorkerView): object => ({
  id: worker.workerId,
  kind: worker.kind,
  name: worker.name,
  host: worker.host,
  version: worker.version,
  queues: worker.queues,
  labels: worker.labels,
  slots: worker.slots,
  held: worker.held,
  started_at: worker.startedAt,
  seen_at: worker.seenAt,
  draining: worker.drainingSince !== null,
  state: workerStateOf(worker),
  jobs: worker.jobs,
});

export function workerStateOf({ isLost, drainingSince, held }: WorkerView): string {
  if (isLost) return "lost";
  if (drainingSince !== null) return "draining";
  return held > 0 ? "busy" : "idle";
}

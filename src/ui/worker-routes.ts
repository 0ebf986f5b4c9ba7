/** The page of workers. */
import { Hono } from "hono";
import type { AppParts } from "../http/parts.ts";
import { listWorkers } from "../store/worker-views.ts";
import type { LookOf } from "./look.ts";
import { htmlAnswer } from "./page-headers.ts";
import type { LiveParts } from "./part-stream.ts";
import { workersPage, workersPart } from "./worker-page.tsx";

/** The last seen. */
const listedMax = 200;

export function workerPageRoutes({ database }: Pick<AppParts, "database">, lookOf: LookOf, live: LiveParts): Hono {
  const routes = new Hono();
  const read = () => listWorkers(database.sql, listedMax);
  routes.get("/worker", async (c) => {
    const [look, workers] = await Promise.all([lookOf(c), read()]);
    return htmlAnswer(c, workersPage(workers, look));
  });
  routes.route(
    "/",
    live.routes("/component/worker", async () => async (look) => workersPart(await read(), look)),
  );
  return routes;
}

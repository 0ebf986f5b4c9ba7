/**
 * The whole of HTTP, put together: routes, the one mapping of errors, compression, headers, 404 and 405. Routes of the API are
 * declared under `/api` (and are its OpenAPI document), pages and documents at the root.
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import { Hono, type MiddlewareHandler } from "hono";
import { MethodNotAllowedError } from "../model/errors.ts";
import { assetRoutes } from "../ui/assets.ts";
import { createLookOf } from "../ui/look.ts";
import { notFoundPage } from "../ui/not-found.tsx";
import { htmlAnswer } from "../ui/page-headers.ts";
import { pageRoutes } from "../ui/pages.ts";
import { alarmRoutes } from "./alarm.ts";
import { auditRoutes } from "./audit.ts";
import { authenticateRoutes } from "./authenticate.ts";
import { backfillRoutes } from "./backfill.ts";
import { callbackRoutes } from "./callback.ts";
import { closedReads } from "./closed-reads.ts";
import { reshaped } from "./compress.ts";
import { contactRoutes } from "./contact.ts";
import { dataProductRoutes } from "./data-product.ts";
import { deadLetterRoutes } from "./dead-letter.ts";
import { decisionRoutes } from "./decision.ts";
import { eventRoutes } from "./events.ts";
import { explainRoutes } from "./explain.ts";
import { flowRoutes } from "./flow.ts";
import { healthRoutes } from "./health.ts";
import { jobRoutes } from "./job.ts";
import { keyRoutes } from "./key.ts";
import { leaseRoutes } from "./lease.ts";
import { createLiveValues } from "./live-values.ts";
import { methodsByPath } from "./methods.ts";
import { openmctRoutes } from "./openmct.ts";
import { openmctPageRoutes } from "./openmct-page.ts";
import { packetRoutes } from "./packet.ts";
import { parameterRoutes } from "./parameter.ts";
import { parameterLiveRoutes } from "./parameter-live.ts";
import type { AppParts } from "./parts.ts";
import { passRoutes } from "./pass.ts";
import { passExportRoutes } from "./pass-export.ts";
import { planRoutes } from "./plan.ts";
import { policyRoutes } from "./policy.ts";
import { problemResponse } from "./problem.ts";
import { processRoutes } from "./process.ts";
import { queueRoutes } from "./queue.ts";
import { requestLog } from "./request-log.ts";
import { runRoutes } from "./run.ts";
import { shipRoutes } from "./ship.ts";
import { specRoutes } from "./spec.ts";
import { stationRoutes } from "./station.ts";
import { statusRoutes } from "./status.ts";
import { streamRoutes } from "./stream.ts";
import { swaggerRoutes } from "./swagger.ts";
import { templateRoutes } from "./template.ts";
import { workerRoutes } from "./worker.ts";

export type { AppParts } from "./parts.ts";

export function createApp(parts: AppParts): Hono {
  const { config, log } = parts;
  const api = new OpenAPIHono();
  for (const routes of [
    authenticateRoutes,
    planRoutes,
    dataProductRoutes,
    explainRoutes,
    templateRoutes,
    runRoutes,
    backfillRoutes,
    shipRoutes,
    parameterRoutes,
    packetRoutes,
    stationRoutes,
    passRoutes,
    passExportRoutes,
    contactRoutes,
    streamRoutes,
    callbackRoutes,
    jobRoutes,
    deadLetterRoutes,
    flowRoutes,
    queueRoutes,
    policyRoutes,
    decisionRoutes,
    workerRoutes,
    leaseRoutes,
    statusRoutes,
    keyRoutes,
    auditRoutes,
    alarmRoutes,
  ]) {
    api.route("/", routes(parts));
  }

  const values = createLiveValues({ ...parts, sql: parts.database.sql });
  parts.closing.addEventListener("abort", () => values.stop(), { once: true });
  api.route("/", parameterLiveRoutes(parts, values));

  const lookOf = createLookOf(parts);
  const app = new Hono();
  app.use(requestLog(parts));
  app.use(finish);
  if (config.readAccess === "closed") app.use(closedReads(parts.auth));
  app.route("/api", api);
  for (const routes of [
    pageRoutes(parts, lookOf),
    eventRoutes(parts),
    openmctRoutes(parts, values),
    openmctPageRoutes(config),
    processRoutes(parts),
    healthRoutes(parts),
  ])
    app.route("/", routes);
  app.route("/", specRoutes(api, parts));
  app.route("/", swaggerRoutes());
  // Last, as it takes every path under /assets.
  app.route("/", assetRoutes());

  const methodsOf = methodsByPath(app.routes);
  app.notFound(async (c) => {
    const allowed = methodsOf(c.req.path);
    if (allowed.length > 0) return problemResponse(new MethodNotAllowedError(c.req.method, allowed), log);
    if (c.req.path.startsWith("/assets/")) return c.body(null, 404);
    return htmlAnswer(c, notFoundPage(await lookOf(c)), 404);
  });
  app.onError((error) => problemResponse(error, log));
  return app;
}

/** Compression, HEAD, and the header without which a browser may take an answer for something else. */
const finish: MiddlewareHandler = async (c, next) => {
  await next();
  const other = reshaped(c.req.raw, c.res);
  if (other !== null) {
    const answer = await other;
    c.res = undefined; // otherwise the headers of the old answer would be laid over the new one's
    c.res = answer;
  }
  c.res.headers.set("X-Content-Type-Options", "nosniff");
};

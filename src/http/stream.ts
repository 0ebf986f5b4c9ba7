/** What is being received now, on all nodes. */
import { OpenAPIHono } from "@hono/zod-openapi";
import { listListening } from "../store/passes.ts";
import { json } from "./answer.ts";
import { knownCounters } from "./known-ledgers.ts";
import { openOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";
import { shownListener } from "./pass-json.ts";
import { Listeners } from "./pass-schemas.ts";

const listedMax = 1_000;

export function streamRoutes({ database, ground, clock }: AppParts): OpenAPIHono {
  const routes = new OpenAPIHono();
  const { sql } = database;
  openOperation(
    routes,
    {
      method: "get",
      path: "/stream",
      summary: "The number and the list of listeners now receiving",
      tag: "pass",
      answer: Listeners,
    },
    async () => {
      const { rows, count } = await listListening(sql, listedMax);
      const known = await knownCounters({ sql, ground, clock }, rows);
      return json({ count, listeners: rows.map((pass) => shownListener(pass, known.get(pass.passId) ?? null)) });
    },
  );
  return routes;
}

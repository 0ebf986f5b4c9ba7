/** Passes: list, read, cancel. How they are planned is in pass-plan.ts. */
import { OpenAPIHono } from "@hono/zod-openapi";
import { ConflictError, NotFoundError } from "../model/errors.ts";
import { type PassRow, passStates } from "../model/pass.ts";
import { listReplays } from "../store/pass-replays.ts";
import { cancelPass, findPass, listPasses } from "../store/passes.ts";
import { json } from "./answer.ts";
import { knownCounters, knownLedger } from "./known-ledgers.ts";
import { guardedOperation, openOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";
import { addArchiveRoute } from "./pass-archive.ts";
import { addExtendRoute, shipsOfPass } from "./pass-extend.ts";
import { shownPass, shownSummary } from "./pass-json.ts";
import { addPacketRoute } from "./pass-packet.ts";
import { addPlanningRoutes } from "./pass-plan.ts";
import { addPredictRoutes } from "./pass-predict.ts";
import { addReplayRoute, shownReplay } from "./pass-replay.ts";
import { Pass, PassList, PassQuery } from "./pass-schemas.ts";
import { queryOf, textIn, wholeOf, wordOf } from "./query.ts";

const tag = "pass";
/** The newest. */
const replaysShownMax = 100;

export function passRoutes(parts: AppParts): OpenAPIHono {
  const { database, ground, auth, clock } = parts;
  const { sql } = database;
  const routes = new OpenAPIHono();
  const view = { sql, ground, clock };

  const shown = async (pass: PassRow): Promise<Response> => {
    const replays = await listReplays(sql, pass.passId, replaysShownMax);
    return json(shownPass(pass, await knownLedger(view, pass), replays.map(shownReplay)));
  };

  addPlanningRoutes(routes, parts);
  // Before the path of a pass, as it would be taken for an id.
  addPredictRoutes(routes, parts);

  openOperation(
    routes,
    {
      method: "get",
      path: "/pass",
      summary: "List passes, the latest AOS first",
      tag,
      query: PassQuery,
      answer: PassList,
    },
    async ({ c }) => {
      const query = queryOf(c.req.raw.url);
      const { rows, nextPage } = await listPasses(sql, {
        state: wordOf(query, "state", passStates),
        ship: textIn(query, "ship"),
        contact: textIn(query, "contact"),
        page: wholeOf(query, "page", { min: 0, max: 4_294_967_295, or: 0 }),
        limit: wholeOf(query, "limit", { min: 1, max: 200, or: 50 }),
      });
      const known = await knownCounters(view, rows);
      return json({
        rows: rows.map((pass) => shownSummary(pass, known.get(pass.passId) ?? null)),
        next_page: nextPage,
      });
    },
  );

  openOperation(
    routes,
    { method: "get", path: "/pass/{pass_id}", summary: "Read a pass and its ledger", tag, answer: Pass },
    async ({ param }) => {
      const pass = await findPass(sql, param("pass_id"));
      if (pass === null) throw new NotFoundError("pass", param("pass_id"));
      return shown(pass);
    },
  );

  guardedOperation(
    routes,
    auth,
    {
      method: "put",
      path: "/pass/{pass_id}/cancel",
      role: "publish",
      audit: "pass.cancel",
      ships: ({ param }) => shipsOfPass(sql, param("pass_id")),
      summary: "Cancel a pass that has not ended",
      tag,
      answer: Pass,
    },
    async ({ param, caller }) => {
      const passId = param("pass_id");
      const cancelled = await cancelPass(sql, passId, `cancelled by ${caller.service}`, clock.now());
      if (cancelled !== null) ground.changed(cancelled);
      const pass = cancelled ?? (await findPass(sql, passId));
      if (pass === null) throw new NotFoundError("pass", passId);
      if (pass.state !== "cancelled") {
        throw new ConflictError(`Cannot cancel pass ${passId} as it has ended: its current state is ${pass.state}`, {
          pass_id: passId,
          state: pass.state,
        });
      }
      return shown(pass);
    },
  );
  addExtendRoute(routes, parts);
  addArchiveRoute(routes, parts);
  addPacketRoute(routes, parts);
  addReplayRoute(routes, parts);
  return routes;
}

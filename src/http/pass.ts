/** Passes: plan one, read, list, cancel. */
import { createHash } from "node:crypto";
import { OpenAPIHono, type z } from "@hono/zod-openapi";
import { epochMsOf, type Instant, instantOf } from "../model/clock.ts";
import {
  ConflictError,
  IdempotencyKeyReusedError,
  InvalidRequestError,
  NotFoundError,
  RuleBrokenError,
} from "../model/errors.ts";
import { derivedUuid, newUuid } from "../model/ids.ts";
import { type PassDefinition, type PassRow, passStates } from "../model/pass.ts";
import { UnknownTemplateError } from "../model/template-errors.ts";
import { cancelPass, createPass, findPass, listPasses } from "../store/passes.ts";
import { findShip } from "../store/ships.ts";
import { json } from "./answer.ts";
import { checked } from "./check.ts";
import { knownCounters, knownLedger } from "./known-ledgers.ts";
import { type Asked, guardedOperation, openOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";
import { addArchiveRoute } from "./pass-archive.ts";
import { shownPass, shownSummary } from "./pass-json.ts";
import { Pass, PassList, PassParam, PassQuery, passSecondsMax } from "./pass-schemas.ts";
import { queryOf, wholeOf, wordOf } from "./query.ts";

const tag = "pass";

type Planned = z.output<typeof PassParam> & { readonly los: Instant };

export function passRoutes(parts: AppParts): OpenAPIHono {
  const { database, ground, templates, auth, clock, config } = parts;
  const { sql } = database;
  const routes = new OpenAPIHono();
  const view = { sql, ground, clock };

  const shown = async (pass: PassRow): Promise<Response> => json(shownPass(pass, await knownLedger(view, pass)));

  guardedOperation<Planned>(
    routes,
    auth,
    {
      method: "post",
      path: "/pass",
      role: "publish",
      audit: "pass.plan",
      summary: "Plan a pass",
      tag,
      body: PassParam,
      read: readPlanned,
      answer: Pass,
    },
    async (ask) => {
      const { body, caller } = ask;
      if ((await findShip(sql, body.ship)) === null) throw new NotFoundError("ship", body.ship);
      const template = body.template ?? null;
      if (template !== null && templates.get(template) === undefined) throw new UnknownTemplateError(template);
      const { portMin, portMax } = config.ground;
      const order = { ...definitionOf(ask, config.ground), portMin, portMax, by: caller.service, at: clock.now() };
      const pass = await createPass(sql, order).catch((error: unknown) => {
        throw asReusedKey(error, ask, order.passId);
      });
      ground.changed(pass);
      ask.wrote(`/pass/${pass.passId}`);
      return shown(pass);
    },
  );

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
        ship: storableOrNull(query.get("ship")),
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
  addArchiveRoute(routes, parts);
  return routes;
}

/** The window is a rule of its own (422), everything else is the body's shape (400). */
function readPlanned(parsed: unknown): Planned {
  const pass = checked(PassParam, parsed);
  const { aos, los, duration_s } = pass;
  const hasLos = los !== undefined && los !== null;
  const hasDuration = duration_s !== undefined && duration_s !== null;
  if (hasLos === hasDuration) throw new InvalidRequestError("los: either los or duration_s is needed, not both", "los");
  const losMs = hasLos ? epochMsOf(los) : epochMsOf(aos) + (duration_s ?? 0) * 1000;
  if (losMs <= epochMsOf(aos)) {
    throw new RuleBrokenError(`Cannot plan the pass as its LOS ${los} is not after its AOS ${aos}`, { field: "los" });
  }
  if (losMs - epochMsOf(aos) > passSecondsMax * 1000) {
    throw new RuleBrokenError(`Cannot plan the pass as it is longer than ${passSecondsMax} s`, { field: "los" });
  }
  return { ...pass, los: hasLos ? los : instantOf(losMs) };
}

function definitionOf(ask: Asked<Planned>, ground: AppParts["config"]["ground"]): PassDefinition {
  const { body } = ask;
  const { ship, aos, los } = body;
  const port = body.port ?? "auto";
  const [station, host, template, priority] = [
    body.station ?? null,
    body.host ?? null,
    body.template ?? null,
    body.priority ?? 0,
  ];
  const [prepassS, drainS] = [body.prepass_margin_s ?? null, body.drain_margin_s ?? null];
  // As asked for, before the configuration's defaults: these may change between two tries of one request.
  const asked = JSON.stringify([ship, station, host, port, aos, los, template, priority, prepassS, drainS]);
  return {
    passId: body.id ?? keyedId(ask) ?? newUuid(),
    ship,
    station,
    host: host ?? ground.host,
    port: port === "auto" ? null : port,
    aos,
    los,
    prepassMarginMs: Math.round((prepassS ?? ground.prepassMarginS) * 1000),
    drainMarginMs: Math.round((drainS ?? ground.drainMarginS) * 1000),
    template,
    priority,
    requestDigest: createHash("sha256").update(asked).digest("base64url"),
  };
}

/** Under an Idempotency-Key always the same pass; null without one. */
function keyedId({ c, caller }: Asked<unknown>): string | null {
  const key = c.req.raw.headers.get("idempotency-key");
  return key === null ? null : derivedUuid("pass key", caller.service, key);
}

/** The conflict of an id that nobody named is that of its key. */
function asReusedKey(error: unknown, ask: Asked<Planned>, passId: string): unknown {
  const key = ask.c.req.raw.headers.get("idempotency-key");
  const isOfKey = error instanceof ConflictError && error.members.field === undefined && passId === keyedId(ask);
  return isOfKey && key !== null ? new IdempotencyKeyReusedError(key) : error;
}

/** A filter that no row can match is no filter for the database. */
function storableOrNull(ship: string | null): string | null {
  return ship === null ? null : ship.replaceAll("\u0000", "").toWellFormed();
}

/** `PUT /pass/{pass_id}/extend`: a pass that goes on for longer. */
import type { OpenAPIHono, z } from "@hono/zod-openapi";
import { epochMsOf, type Instant, instantOf } from "../model/clock.ts";
import { ConflictError, InvalidRequestError, NotFoundError, RuleBrokenError } from "../model/errors.ts";
import type { PassId, PassRow } from "../model/pass.ts";
import { PassConflictError } from "../model/pass-errors.ts";
import { extendPass } from "../store/pass-extend.ts";
import { findPass } from "../store/passes.ts";
import type { Sql } from "../store/sql.ts";
import { json } from "./answer.ts";
import { checked } from "./check.ts";
import { knownLedger } from "./known-ledgers.ts";
import { guardedOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";
import { shownClash, shownPass } from "./pass-json.ts";
import { shownConflicts } from "./pass-plan.ts";
import { ExtendParam, ExtendQuery, extendPolicies, PlannedPass } from "./pass-plan-schemas.ts";
import { passSecondsMax } from "./pass-schemas.ts";
import { queryOf, wordOf } from "./query.ts";

type Extend = z.output<typeof ExtendParam>;

/** A holder renews its lease, and hears of this, every 3.3 s at the latest. */
const noticeMs = 5_000;

export function addExtendRoute(routes: OpenAPIHono, { auth, database, ground, clock, config }: AppParts): void {
  const { sql } = database;
  const view = { sql, ground, clock };

  guardedOperation<Extend>(
    routes,
    auth,
    {
      method: "put",
      path: "/pass/{pass_id}/extend",
      role: "publish",
      audit: "pass.extend",
      summary: "Move the LOS of a pass to later, up to 5 s before it comes",
      tag: "pass",
      query: ExtendQuery,
      body: ExtendParam,
      read: readExtend,
      ships: ({ param }) => shipsOfPass(sql, param("pass_id")),
      answer: PlannedPass,
    },
    async ({ c, param, body, caller }) => {
      const policy = wordOf(queryOf(c.req.raw.url), "on_conflict", extendPolicies) ?? "reject";
      const before = await findPass(sql, param("pass_id"));
      if (before === null) throw new NotFoundError("pass", param("pass_id"));
      const { passId } = before;
      const los = laterLos(before, body);
      const { pass, cancelled, clashes } = await extendPass(sql, {
        ...{ passId, los, policy, noticeMs, at: clock.now() },
        ...(caller.ships && { ships: caller.ships }),
      });
      if (pass === null) {
        const { state, los: end } = (await findPass(sql, passId)) ?? before;
        const message = `Cannot extend pass ${passId} as it is ${state} and its LOS ${end}: it can be moved up to ${noticeMs / 1000} s before that`;
        throw new ConflictError(message, { pass_id: passId, state });
      }
      if (pass.los !== los) {
        const { portMin, portMax } = config.ground;
        const refusals = [{ index: 0, why: "clash" }] as const;
        throw new PassConflictError(
          { clashes, refusals },
          { verb: "extend", count: 1, portMin, portMax, shown: shownClash },
        );
      }
      for (const changed of [...cancelled, pass]) ground.changed(changed);
      const conflicts = clashes.length > 0 ? shownConflicts({ cancelled, clashes }) : {};
      return json({ ...shownPass(pass, await knownLedger(view, pass)), ...conflicts });
    },
  );
}

/** Whose pass it is; 404 when there is none. */
export async function shipsOfPass(sql: Sql, passId: PassId): Promise<string[]> {
  const pass = await findPass(sql, passId);
  if (pass === null) throw new NotFoundError("pass", passId);
  return [pass.ship];
}

function readExtend(parsed: unknown): Extend {
  const body = checked(ExtendParam, parsed);
  if ((body.los == null) === (body.by_s == null))
    throw new InvalidRequestError("los: either los or by_s is needed, not both", "los");
  return body;
}

function laterLos({ passId, aos, los }: PassRow, body: Extend): Instant {
  const later = body.los ?? instantOf(epochMsOf(los) + (body.by_s ?? 0) * 1000);
  const field = body.los == null ? "by_s" : "los";
  if (later <= los)
    throw new RuleBrokenError(
      `Cannot extend pass ${passId} to ${later} as its LOS is ${los}: cancel it to end it earlier`,
      {
        field,
      },
    );
  if (epochMsOf(later) - epochMsOf(aos) > passSecondsMax * 1000)
    throw new RuleBrokenError(`Cannot extend pass ${passId} as it would be longer than ${passSecondsMax} s`, { field });
  return later;
}

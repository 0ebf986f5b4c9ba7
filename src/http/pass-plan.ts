/** `POST /pass`: what the store is asked for, and what the caller is told became of it. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import { ConflictError, IdempotencyKeyReusedError, NotFoundError } from "../model/errors.ts";
import { derivedUuid, newUuid } from "../model/ids.ts";
import type { PassDefinition } from "../model/pass.ts";
import { conflictPolicies } from "../model/pass-conflicts.ts";
import { PassConflictError } from "../model/pass-errors.ts";
import { UnknownTemplateError } from "../model/template-errors.ts";
import { dryPlan, type PassPlan, planPasses } from "../store/pass-plan.ts";
import { unknownShips } from "../store/ships.ts";
import { json } from "./answer.ts";
import { knownLedger } from "./known-ledgers.ts";
import { type Asked, guardedOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";
import { shownClash, shownPass, shownSummary } from "./pass-json.ts";
import { definitionOf, type PassesAsked, type Planned, readPasses, readTable } from "./pass-order.ts";
import { PassesParam, PassReport, PlannedPass, PlanQuery } from "./pass-plan-schemas.ts";
import { flagIn, queryOf, wordOf } from "./query.ts";

export function addPlanningRoutes(routes: OpenAPIHono, parts: AppParts): void {
  const { auth, database, ground, clock } = parts;
  const view = { sql: database.sql, ground, clock };

  guardedOperation<PassesAsked>(
    routes,
    auth,
    {
      method: "post",
      path: "/pass",
      role: "publish",
      audit: "pass.plan",
      summary: "Plan a pass, or a list of up to 1,000 (JSON or CSV): all of them or none",
      tag: "pass",
      query: PlanQuery,
      body: PassesParam,
      bodyType: { type: "text/csv", parse: readTable },
      read: readPasses,
      ships: ({ body }) => body.passes.map(({ ship }) => ship),
      answer: PlannedPass.or(PassReport),
    },
    async (ask) => {
      const { passes, isList } = ask.body;
      const outcome = await plan(parts, ask, passes);
      const [first] = outcome.plan.passes;
      if (!outcome.isDryRun && first !== undefined) {
        const count = outcome.plan.passes.length;
        ask.wrote(isList ? `/pass, ${count} of them, the first ${first.passId}` : `/pass/${first.passId}`);
      }
      if (isList || outcome.isDryRun || first === undefined) return json(shownReport(outcome));
      const conflicts = outcome.plan.clashes.length > 0 ? shownConflicts(outcome.plan) : {};
      return json({ ...shownPass(first, await knownLedger(view, first)), ...conflicts });
    },
  );
}

interface Outcome {
  readonly plan: PassPlan;
  readonly isDryRun: boolean;
}

/** Plans them all or none. 404 for a ship that is not known, 409 with every pass in the way; a dry run is never refused for those. */
export async function plan(parts: AppParts, ask: Asked<unknown>, passes: readonly Planned[]): Promise<Outcome> {
  const { database, ground, clock, config } = parts;
  const query = queryOf(ask.c.req.raw.url);
  const isDryRun = flagIn(query, "dry_run");
  const policy = wordOf(query, "on_conflict", conflictPolicies) ?? "reject";
  if (isDryRun) ask.wrote(null);
  await refuseUnknown(parts, passes);
  const { portMin, portMax } = config.ground;
  const { service: by, ships } = ask.caller;
  const rules = { policy, portMin, portMax, by, at: clock.now(), ...(ships && { ships }) };
  const asked = passes.map((pass, i) => definitionOf(pass, config.ground, keyedId(ask, i) ?? newUuid()));
  const planned = await (isDryRun ? dryPlan : planPasses)(database.sql, asked, rules).catch((error: unknown) => {
    throw asReusedKey(error, ask, asked);
  });
  if (isDryRun) return { plan: planned, isDryRun };
  if (planned.refusals.length > 0)
    throw new PassConflictError(planned, { ...rules, count: asked.length, shown: shownClash });
  for (const pass of [...planned.cancelled, ...planned.passes]) ground.changed(pass);
  return { plan: planned, isDryRun };
}

export const shownConflicts = ({ cancelled, clashes }: Pick<PassPlan, "cancelled" | "clashes">): object => ({
  cancelled: cancelled.map((pass) => shownSummary(pass, null)),
  conflicts: clashes.map(shownClash),
});

export function shownReport({ plan: planned, isDryRun }: Outcome): object {
  return {
    dry_run: isDryRun,
    accepted: planned.refusals.length === 0,
    passes: planned.passes.map((pass) => shownSummary(pass, null)),
    ...shownConflicts(planned),
  };
}

async function refuseUnknown({ database, templates }: AppParts, passes: readonly Planned[]): Promise<void> {
  const [unknown] = await unknownShips(database.sql, [...new Set(passes.map(({ ship }) => ship))]);
  if (unknown !== undefined) throw new NotFoundError("ship", unknown);
  for (const { template } of passes) {
    if (template != null && templates.get(template) === undefined) throw new UnknownTemplateError(template);
  }
}

const keyOf = ({ c }: Asked<unknown>): string | null => c.req.raw.headers.get("idempotency-key");

/** Under an Idempotency-Key always the same pass; null without one. */
function keyedId(ask: Asked<unknown>, index: number): string | null {
  const key = keyOf(ask);
  if (key === null) return null;
  return derivedUuid("pass key", ask.caller.service, key, ...(index === 0 ? [] : [`${index}`]));
}

/** The conflict of an id that nobody named is that of its key. */
function asReusedKey(error: unknown, ask: Asked<unknown>, asked: readonly PassDefinition[]): unknown {
  const key = keyOf(ask);
  if (key === null || !(error instanceof ConflictError)) return error;
  const isOfKey = asked.some(({ passId }, i) => passId === error.members.pass_id && passId === keyedId(ask, i));
  return isOfKey ? new IdempotencyKeyReusedError(key) : error;
}

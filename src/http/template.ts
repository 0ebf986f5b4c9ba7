/** Templates: list, read, check, store, pause and delete them; trigger one, which makes a run. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { ConflictError, NotFoundError } from "../model/errors.ts";
import { derivedUuid, newUuid } from "../model/ids.ts";
import { UnknownTemplateError } from "../model/template-errors.ts";
import { listTicks, nextTickOf } from "../store/schedules.ts";
import { startRun } from "../store/template-runs.ts";
import { findVersion, listVersions } from "../store/templates.ts";
import { completedParams } from "../templates/params.ts";
import { planOf } from "../templates/plan-of.ts";
import type { KnownTemplate, StoredTemplates } from "../templates/stored.ts";
import type { Template } from "../templates/templates.ts";
import { json, planText } from "./answer.ts";
import { requireRole } from "./auth.ts";
import { type Asked, guardedOperation, openOperation } from "./operation.ts";
import { originOf } from "./origin.ts";
import type { AppParts } from "./parts.ts";
import { queryOf, wholeOf } from "./query.ts";
import { planSchemas } from "./schemas.ts";
import { answering, bodyPath, templateText } from "./template-body.ts";
import { holdsCommands, shownTemplate } from "./template-json.ts";
import { TemplateSchema, TemplateSource, TemplateTicks, TemplateVersion, Trigger } from "./template-schemas.ts";

const tag = "template";
const versionsShownMax = 1000;
const ticksShownMax = 200;
/** By then the plan is there, unless this node ended in between: then the run's job makes it. */
const planInMs = 10_000;

export function templateRoutes(parts: AppParts): OpenAPIHono {
  const { auth, templates, database, clock } = parts;
  const { sql } = database;
  const routes = new OpenAPIHono();
  const shown = ({ template, head }: KnownTemplate) => json(shownTemplate(template, head));

  openOperation(
    routes,
    { method: "get", path: "/template", summary: "List the templates", tag, answer: z.array(TemplateSchema) },
    () =>
      json(
        templates.list().flatMap(({ id }) => {
          const known = templates.known(id);
          return known === undefined ? [] : [shownTemplate(known.template, known.head)];
        }),
      ),
  );

  openOperation(
    routes,
    { method: "get", path: "/template/{id}", summary: "Read a template", tag, answer: TemplateSchema },
    ({ param }) => shown(existing(templates, param("id"))),
  );

  guardedOperation(
    routes,
    auth,
    {
      method: "post",
      path: "/template",
      role: "publish",
      audit: "template.store",
      summary: "Store a template (YAML or JSON) as its next version. With commands of its own it needs the role admin",
      tag,
      answer: TemplateSchema,
    },
    async ({ c, caller, wrote }) => {
      const source = await templateText(c.req.raw);
      const template = read(templates, source);
      wrote(`/template/${template.id}`);
      const before = templates.get(template.id);
      if (holdsCommands(template) || (before !== undefined && holdsCommands(before))) requireRole(caller, "admin");
      await templates.put(source, bodyPath, caller.service);
      wrote(`/template/${template.id}`);
      return shown(existing(templates, template.id));
    },
  );

  guardedOperation(
    routes,
    auth,
    {
      method: "post",
      path: "/template/check",
      role: "publish",
      summary: "Check a template (YAML or JSON) as storing it would, and store nothing",
      tag,
      answer: TemplateSchema,
    },
    async ({ c, wrote }) => {
      wrote(null);
      return json(shownTemplate(read(templates, await templateText(c.req.raw)), null));
    },
  );

  guardedOperation(
    routes,
    auth,
    {
      method: "delete",
      path: "/template/{id}",
      role: "publish",
      audit: "template.delete",
      summary: "Deactivate a template; its versions and runs stay",
      tag,
      answer: TemplateSchema,
    },
    async ({ param, caller }) => {
      const known = existing(templates, param("id"));
      if (holdsCommands(known.template)) requireRole(caller, "admin");
      await templates.remove(known.template.id, caller.service);
      return shown(known);
    },
  );

  for (const [verb, paused] of [
    ["pause", true],
    ["unpause", false],
  ] as const) {
    guardedOperation(
      routes,
      auth,
      {
        method: "put",
        path: `/template/{id}/${verb}`,
        role: "pause",
        audit: `template.${verb}`,
        summary: paused
          ? "Stop a template's schedule and its backfills"
          : "Let a template's schedule go on; missed ticks as its policy says",
        tag,
        answer: TemplateSchema,
      },
      async ({ param, caller }) => {
        const id = param("id");
        existing(templates, id);
        if (!(await templates.setPaused(id, paused, caller.service)))
          throw new ConflictError(`Template "${id}" is ${paused ? "paused already" : "not paused"}`, { template: id });
        parts.scheduler.wake();
        return shown(existing(templates, id));
      },
    );
  }

  openOperation(
    routes,
    {
      method: "get",
      path: "/template/{id}/version",
      summary: "List a template's versions, newest first",
      tag,
      answer: z.array(TemplateVersion),
    },
    async ({ param }) => {
      const rows = await listVersions(sql, param("id"), versionsShownMax);
      if (rows.length === 0) throw new UnknownTemplateError(param("id"));
      return json(
        rows.map(({ version, origin, digest, createdBy, createdAt }) => ({
          ...{ version, origin, digest },
          created_by: createdBy,
          created_at: createdAt,
        })),
      );
    },
  );

  guardedOperation(
    routes,
    auth,
    {
      method: "get",
      path: "/template/{id}/source",
      role: "admin",
      summary: "Read a template's text, commands and all",
      tag,
      query: z.object({ version: z.string().optional() }),
      answer: TemplateSource,
    },
    async ({ c, param }) => {
      const id = param("id");
      const latest = templates.get(id)?.version ?? 0;
      const version = wholeOf(queryOf(c.req.url), "version", { min: 1, max: 1_000_000_000, or: latest });
      const stored = await findVersion(sql, id, version);
      if (stored === null) throw new NotFoundError("template", id, version > 0 ? ` in version ${version}` : "");
      return json({ id, version, source: stored.source });
    },
  );

  openOperation(
    routes,
    {
      method: "get",
      path: "/template/{id}/tick",
      summary: "When a template ticks next, and what became of its last ticks",
      tag,
      answer: TemplateTicks,
    },
    async ({ param }) => {
      const { template } = existing(templates, param("id"));
      const [next, ticks] = [await nextTickOf(sql, template.id), await listTicks(sql, template.id, ticksShownMax)];
      return json({ next_at: next, ticks: ticks.map(({ at, state, runId }) => ({ at, state, run_id: runId })) });
    },
  );

  guardedOperation<z.output<typeof Trigger>>(
    routes,
    auth,
    {
      method: "post",
      path: "/template/{id}/trigger",
      role: "publish",
      audit: { action: "template.trigger", keptAs: "event" },
      summary: "Make a run: publish a template's plan",
      tag,
      body: Trigger,
      badField: 422,
      answer: planSchemas(parts.computes.names()).Plan,
    },
    (ask) => trigger(parts, ask, existing(templates, ask.param("id")).template, clock.now()),
  );
  return routes;
}

/** The run and a job that makes its plan are one commit; then the plan is made at once, for the answer. */
async function trigger(
  { supervisor, database, metrics }: AppParts,
  ask: Asked<z.output<typeof Trigger>>,
  template: Template,
  at: string,
): Promise<Response> {
  const runId = ask.body.dataset_id ?? datasetIdOf(ask, template);
  const params = completedParams(template, ask.body.params ?? {}, true);
  const command = planOf(template, { datasetId: runId, params, strict: true });
  const write = { cause: "template.trigger", route: `POST /template/${template.id}/trigger`, datasetId: runId };
  const origin = await originOf(ask, supervisor, write);
  // A dataset that is there is returned as it is: it may be nobody's run.
  if ((await supervisor.read(runId)) === null) {
    const { id: templateId, version } = template;
    const order = { runId, templateId, version, source: "manual" as const, sourceKey: runId, params };
    const run = { ...order, triggeredBy: ask.caller.service, forAt: null, at, planInMs };
    if (await database.sql.begin((tx) => startRun(tx, run))) metrics.templates.triggered.labels("manual").inc();
  }
  const answer = await supervisor.submit(command, origin);
  return planText(answer.planJson, answer.revision);
}

function read(templates: StoredTemplates, source: string): Template {
  try {
    return templates.read(source, bodyPath);
  } catch (error) {
    throw answering(error);
  }
}

function existing(templates: StoredTemplates, id: string): KnownTemplate {
  const known = templates.known(id);
  if (known === undefined) throw new UnknownTemplateError(id);
  return known;
}

/** Under an Idempotency-Key always the same one, so that the key is found again and a repetition makes no second plan. */
function datasetIdOf({ c, caller }: Asked<unknown>, template: Template): string {
  const key = c.req.raw.headers.get("idempotency-key");
  return key === null ? newUuid() : derivedUuid("trigger", caller.service, template.id, key);
}

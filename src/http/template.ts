/** Templates: list, read, and trigger, which publishes a template's plan. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { NotFoundError } from "../model/errors.ts";
import { derivedUuid, newUuid } from "../model/ids.ts";
import { planOf } from "../templates/plan-of.ts";
import type { Template, Templates } from "../templates/templates.ts";
import { json, planText } from "./answer.ts";
import { uuid } from "./check.ts";
import { type Asked, guardedOperation, openOperation } from "./operation.ts";
import { originOf } from "./origin.ts";
import type { AppParts } from "./parts.ts";
import { planSchemas } from "./schemas.ts";

const tag = "template";

const Trigger = z
  .object({
    params: z
      .record(z.string(), z.unknown())
      .nullish()
      .openapi({ description: "Added to the dataset's extra and to the passthrough of every product" }),
    dataset_id: uuid
      .nullish()
      .openapi({ description: "A new one if absent. Of a dataset that exists, the plan is returned as it is" }),
  })
  .openapi("TriggerParam");

const TemplateTask = z
  .object({
    id: z.string(),
    name: z.string(),
    version: z.string(),
    compute: z.string(),
    eager: z.boolean(),
    depends_on: z.array(z.string()),
  })
  .openapi("TemplateTask");

const TemplateSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    params: z.array(z.object({ name: z.string(), description: z.string().nullable(), required: z.boolean() })),
    tasks: z.array(TemplateTask),
  })
  .openapi("Template");

export function templateRoutes({ supervisor, auth, templates, computes }: AppParts): OpenAPIHono {
  const routes = new OpenAPIHono();

  openOperation(
    routes,
    { method: "get", path: "/template", summary: "List the templates", tag, answer: z.array(TemplateSchema) },
    () => json(templates.list().map(shownTemplate)),
  );

  openOperation(
    routes,
    { method: "get", path: "/template/{id}", summary: "Read a template", tag, answer: TemplateSchema },
    ({ param }) => json(shownTemplate(existing(templates, param("id")))),
  );

  guardedOperation<z.output<typeof Trigger>>(
    routes,
    auth,
    {
      method: "post",
      path: "/template/{id}/trigger",
      role: "publish",
      audit: { action: "template.trigger", keptAs: "event" },
      summary: "Publish a template's plan",
      tag,
      body: Trigger,
      answer: planSchemas(computes.names()).Plan,
    },
    async (ask) => {
      const template = existing(templates, ask.param("id"));
      const datasetId = ask.body.dataset_id ?? datasetIdOf(ask, template);
      const command = planOf(template, { datasetId, params: ask.body.params ?? {} });
      const write = { cause: "template.trigger", route: `POST /template/${template.id}/trigger`, datasetId };
      const answer = await supervisor.submit(command, await originOf(ask, supervisor, write));
      return planText(answer.planJson, answer.revision);
    },
  );
  return routes;
}

function existing(templates: Templates, id: string): Template {
  const template = templates.get(id);
  if (template === undefined) throw new NotFoundError("template", id);
  return template;
}

/** Under an Idempotency-Key always the same one, so that the key is found again and a repetition makes no second plan. */
function datasetIdOf({ c, caller }: Asked<unknown>, template: Template): string {
  const key = c.req.raw.headers.get("idempotency-key");
  return key === null ? newUuid() : derivedUuid("trigger", caller.service, template.id, key);
}

/** Commands and passthroughs stay with the server: they may hold what is not for everybody. */
function shownTemplate(template: Template): z.output<typeof TemplateSchema> {
  const { id, name, description, params, tasks } = template;
  return {
    id,
    name,
    description,
    params: [...params].map(([name, param]) => ({ name, description: param.description, required: param.required })),
    tasks: tasks.map(({ id, name, version, compute, eager, dependsOn }) => ({
      id,
      name,
      version,
      compute,
      eager,
      depends_on: [...dependsOn],
    })),
  };
}

/** The plan of a template: always the same ids for the same dataset, so that publishing it twice makes one. */
import type { ClientCommand } from "../model/command.ts";
import { InvalidRequestError } from "../model/errors.ts";
import { type DatasetId, derivedUuid } from "../model/ids.ts";
import { type JsonText, parseJson } from "../model/json.ts";
import type { Template, TemplateTask } from "./templates.ts";

export type Params = Readonly<Record<string, unknown>>;

/** Every product carries the parameters, so they are kept small. */
const paramsBytesMax = 64 * 1024;

/**
 * `params` go into the dataset's extra, `{template, name, params}`, and beside each task's own passthrough, `{…, params}`.
 * Throws `InvalidRequestError` when a required one is missing or all of them are too large.
 */
export function planOf(
  template: Template,
  run: { readonly datasetId: DatasetId; readonly params: Params },
): Extract<ClientCommand, { type: "plan.publish" }> {
  const { datasetId } = run;
  const params = completed(template, run.params);
  const productIdOf = (taskId: string) => derivedUuid(datasetId, taskId);
  return {
    type: "plan.publish",
    datasetId,
    extra: JSON.stringify({ template: template.id, name: template.name, params }),
    products: template.tasks.map((task) => ({
      productId: productIdOf(task.id),
      compute: task.compute,
      name: task.name,
      version: task.version,
      eager: task.eager,
      passthrough: passthroughOf(task, params),
      extra: null,
    })),
    dependencies: template.tasks.flatMap((task) =>
      task.dependsOn.map((parent) => ({ parentId: productIdOf(parent), childId: productIdOf(task.id), extra: null })),
    ),
    onlyIfAbsent: true,
  };
}

function completed(template: Template, given: Params): Params {
  // No prototype: a parameter named __proto__ is one like any other.
  const params: Record<string, unknown> = Object.assign(Object.create(null), given);
  for (const [name, param] of template.params) {
    if (Object.hasOwn(given, name)) continue;
    if (param.default !== null) params[name] = parseJson(param.default);
    else if (param.required) {
      throw new InvalidRequestError(`params.${name}: template "${template.id}" needs it`, `params.${name}`);
    }
  }
  const sizeBytes = Buffer.byteLength(JSON.stringify(params));
  if (sizeBytes > paramsBytesMax) {
    throw new InvalidRequestError(
      `params: they have ${sizeBytes} bytes, at most ${paramsBytesMax} are taken`,
      "params",
    );
  }
  return params;
}

function passthroughOf(task: TemplateTask, params: Params): JsonText | null {
  const hasParams = Object.keys(params).length > 0;
  if (!hasParams) return task.passthrough === null ? null : JSON.stringify(task.passthrough);
  return JSON.stringify({ ...task.passthrough, params });
}

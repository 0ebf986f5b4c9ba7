/** The plan of a template: always the same ids for the same dataset, so that publishing it twice makes one. */
import type { ClientCommand } from "../model/command.ts";
import { type DatasetId, derivedUuid, type ProductId } from "../model/ids.ts";
import type { JsonText } from "../model/json.ts";
import type { PublishedProduct } from "../model/plan.ts";
import { completedParams, type Params } from "./params.ts";
import { filled } from "./placeholders.ts";
import type { Template, TemplateTask } from "./templates.ts";

export type { Params } from "./params.ts";

/** The product of a task, in a dataset that was made of its template. */
export const productIdOf = (datasetId: DatasetId, taskId: string): ProductId => derivedUuid(datasetId, taskId);

/**
 * `params` go into the dataset's extra, `{template, version, name, params}`, and beside each task's own passthrough,
 * `{…, params}`, whose placeholders they fill. Throws `InvalidFieldError` when a required one is missing, one is of another type,
 * or all of them are too large.
 */
export function planOf(
  template: Template,
  run: { readonly datasetId: DatasetId; readonly params: Params; readonly strict?: boolean },
): Extract<ClientCommand, { type: "plan.publish" }> {
  const { datasetId } = run;
  const params = completedParams(template, run.params, run.strict ?? false);
  const { id, version, name } = template;
  return {
    type: "plan.publish",
    datasetId,
    extra: JSON.stringify({ template: id, ...(version > 0 && { version }), name, params }),
    products: template.tasks.map((task) => ({
      ...expectedOf(template, task),
      productId: productIdOf(datasetId, task.id),
      compute: task.compute,
      name: task.name,
      version: task.version,
      eager: task.eager,
      passthrough: passthroughOf(task, params),
      extra: null,
    })),
    dependencies: template.tasks.flatMap((task) =>
      task.dependsOn.map((parent) => ({
        parentId: productIdOf(datasetId, parent),
        childId: productIdOf(datasetId, task.id),
        extra: null,
      })),
    ),
    onlyIfAbsent: true,
  };
}

/** The deadline of the whole run is that of the tasks that end it: when one before them is late, so are they. */
function expectedOf(template: Template, task: TemplateTask): Pick<PublishedProduct, "check" | "deadlineS"> {
  const isLast = template.deadlineS !== null && !template.tasks.some(({ dependsOn }) => dependsOn.includes(task.id));
  const deadlines = [task.deadlineS, isLast ? template.deadlineS : null].filter((given) => given !== null);
  return {
    ...(task.check !== null && { check: task.check }),
    ...(deadlines.length > 0 && { deadlineS: Math.min(...deadlines) }),
  };
}

function passthroughOf(task: TemplateTask, params: Params): JsonText | null {
  const hasParams = Object.keys(params).length > 0;
  const own = task.passthrough === null ? null : (filled(task.passthrough, { params }) as object); // a mapping stays one
  if (!hasParams) return own === null ? null : JSON.stringify(own);
  return JSON.stringify({ ...own, params });
}

/** The plan of a template: always the same ids for the same dataset, so that publishing it twice makes one. */
import type { ClientCommand } from "../model/command.ts";
import { type DatasetId, derivedUuid, type ProductId } from "../model/ids.ts";
import type { JsonText } from "../model/json.ts";
import { completedParams, type Params, requirePass } from "./params.ts";
import { filled } from "./placeholders.ts";
import type { Template, TemplateTask } from "./templates.ts";

export type { Params } from "./params.ts";

/** The product of a task, in a dataset that was made of its template. */
export const productIdOf = (datasetId: DatasetId, taskId: string): ProductId => derivedUuid(datasetId, taskId);

/**
 * `params` go into the dataset's extra, `{template, version, name, params}`, and beside each task's own passthrough,
 * `{…, params}`, whose placeholders they fill; flows that the pass names are added to those of each task, `{…, flows}`. Throws `InvalidFieldError` when a required one is missing, one is of another type,
 * all of them are too large, or a task requires a pass and they name none.
 */
export function planOf(
  template: Template,
  run: { readonly datasetId: DatasetId; readonly params: Params; readonly strict?: boolean },
): Extract<ClientCommand, { type: "plan.publish" }> {
  const { datasetId } = run;
  const params = completedParams(template, run.params, run.strict ?? false);
  requirePass(template, params);
  const { id, version, name } = template;
  const parents = new Set(template.tasks.flatMap((task) => task.dependsOn));
  return {
    type: "plan.publish",
    datasetId,
    extra: JSON.stringify({ template: id, ...(version > 0 && { version }), name, params }),
    products: template.tasks.map((task) => ({
      productId: productIdOf(datasetId, task.id),
      compute: task.compute,
      name: task.name,
      version: task.version,
      eager: task.eager,
      passthrough: passthroughOf(task, params),
      extra: null,
      ...(task.check !== null && { check: task.check }),
      ...deadlineOf(task, parents.has(task.id) ? null : template.deadlineS),
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

/** A run's own deadline is that of the tasks that nothing comes after. */
function deadlineOf({ deadlineS }: TemplateTask, ofRunS: number | null): { readonly deadlineS?: number } {
  if (deadlineS === null) return ofRunS === null ? {} : { deadlineS: ofRunS };
  return { deadlineS: ofRunS === null ? deadlineS : Math.min(deadlineS, ofRunS) };
}

function passthroughOf(task: TemplateTask, params: Params): JsonText | null {
  const hasParams = Object.keys(params).length > 0;
  const own = task.passthrough === null ? null : (filled(task.passthrough, { params }) as object); // a mapping stays one
  if (!hasParams) return own === null ? null : JSON.stringify(own);
  const flows = flowsOf(params);
  return JSON.stringify({
    ...own,
    ...(flows.length > 0 && { flows: [...new Set([...namesOf(own), ...flows])] }),
    params,
  });
}

/** Of the pass that a run is of. */
const flowsOf = ({ pass }: Params): readonly string[] => (typeof pass === "object" ? namesOf(pass) : []);

/** What is no list of names is nobody's. */
function namesOf(of: object | null): readonly string[] {
  const flows = of !== null && "flows" in of ? of.flows : null;
  return Array.isArray(flows) ? flows.filter((name) => typeof name === "string") : [];
}

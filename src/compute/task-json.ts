/** A task as the JSON that commands, containers, web services and Ray jobs are given. Clients' JSON stands in it as it was sent. */
import type { JsonText } from "../model/json.ts";
import type { Task } from "./compute.ts";

/**
 * `{job: {id, queue, type}, attempt, dataset: {id, extra}, product: {id, name, version}, passthrough, payload, parents: [{id, name,
 * version, passback}]}`. A product's has `passthrough`, a free-standing job's `payload`; the other one, and what it lacks, is null.
 * `callback`: where the answer may be sent later.
 */
export function taskJson(task: Task, callback?: string): JsonText {
  const { dataset, product } = task;
  const parents = task.parents.map(
    (parent) =>
      `{"id":"${parent.id}","name":${JSON.stringify(parent.name)},"version":${JSON.stringify(parent.version)},"passback":${parent.passback}}`,
  );
  const members = [
    `"job":${JSON.stringify({ id: task.jobId, queue: task.queue, type: task.jobType })}`,
    `"attempt":${task.attempt}`,
    `"dataset":${dataset === null ? null : `{"id":"${dataset.id}","extra":${dataset.extra}}`}`,
    `"product":${JSON.stringify(product)}`,
    `"passthrough":${product === null ? null : task.payload}`,
    `"payload":${product === null ? task.payload : null}`,
    `"parents":[${parents.join(",")}]`,
    ...(callback === undefined ? [] : [`"callback":${JSON.stringify(callback)}`]),
  ];
  return `{${members.join(",")}}`;
}

/** The same in short, for programs that only want to know what they are: set for commands and containers alike. */
export function taskVariables(task: Task): Record<string, string> {
  return {
    ORRERY_JOB_ID: task.jobId,
    ORRERY_ATTEMPT: String(task.attempt),
    ORRERY_QUEUE: task.queue,
    ORRERY_JOB_TYPE: task.jobType,
    ...(task.dataset === null ? {} : { ORRERY_DATASET_ID: task.dataset.id }),
    ...(task.product === null ? {} : { ORRERY_PRODUCT_ID: task.product.id }),
    ...(task.url === null ? {} : { ORRERY_URL: task.url }),
  };
}

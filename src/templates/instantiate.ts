/** Runs the jobs that ask for a template's plan: publishes it, once, under an id that was derived from what asked for it. */
import * as v from "valibot";
import { type Compute, defaults, dispatchOf } from "../compute/compute.ts";
import { messageOf } from "../compute/function.ts";
import type { Log } from "../observe/log.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";
import { planOf } from "./plan-of.ts";
import type { Templates } from "./templates.ts";

const concurrency = 4;

const Payload = v.object({ templateId: v.string(), datasetId: v.string(), params: v.record(v.string(), v.unknown()) });

export function instantiateCompute(
  templates: Templates,
  supervisor: Pick<Supervisor, "submit">,
  log: Pick<Log, "warn">,
): Compute {
  async function instantiate(payload: string | null): Promise<void> {
    const { templateId, datasetId, params } = v.parse(Payload, JSON.parse(payload ?? "null"));
    const template = templates.get(templateId);
    if (template === undefined) throw new Error(`there is no template "${templateId}" on this node`);
    await supervisor.submit(planOf(template, { datasetId, params }), {
      service: "orrery",
      cause: "template.instantiate",
    });
  }
  return {
    kind: "internal",
    ...dispatchOf({}, concurrency),
    retry: defaults.retry,
    async run({ payload, jobId }) {
      try {
        await instantiate(payload);
        return { outcome: "succeeded", passback: null, link: null, output: "" };
      } catch (error) {
        log.warn({ err: error, jobId, payload }, "a plan was not published");
        return { outcome: "failed", error: messageOf(error), output: "" };
      }
    },
  };
}

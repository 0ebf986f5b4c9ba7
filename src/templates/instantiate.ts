/** Makes a run's plan: what a tick, a backfill, a closed pass or a trigger asked for, once, of the version that it asked for. */
import * as v from "valibot";
import { type Compute, dispatchOf } from "../compute/compute.ts";
import { messageOf } from "../compute/function.ts";
import type { Clock } from "../model/clock.ts";
import { InvalidFieldError } from "../model/errors.ts";
import type { DatasetId } from "../model/ids.ts";
import { parseJson } from "../model/json.ts";
import type { Log } from "../observe/log.ts";
import type { Sql } from "../store/sql.ts";
import { findRun, insertRun, markRunFailed } from "../store/template-runs.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";
import { cancelRun } from "./cancel-run.ts";
import { type Params, planOf } from "./plan-of.ts";
import type { Template, Templates } from "./templates.ts";

export interface InstantiateParts {
  readonly sql: Sql;
  readonly templates: Templates;
  readonly supervisor: Pick<Supervisor, "submit" | "read">;
  readonly clock: Clock;
}

export interface InstantiateAsk {
  readonly templateId: string;
  /** Null: the latest. */
  readonly version: number | null;
  readonly datasetId: DatasetId;
  readonly params: Params;
  /** What asked, such as "pass". */
  readonly source: string;
}

const service = "orrery";
const concurrency = 4;

const Payload = v.object({
  templateId: v.string(),
  version: v.optional(v.nullable(v.number()), null),
  datasetId: v.string(),
  params: v.record(v.string(), v.unknown()),
  source: v.optional(v.string(), "api"),
});

/** What runs the jobs that ask for a plan. */
export function instantiateCompute(parts: InstantiateParts, log: Pick<Log, "warn">): Compute {
  return {
    kind: "internal",
    ...dispatchOf({}, concurrency),
    async run({ payload, jobId }) {
      try {
        await instantiateRun(parts, v.parse(Payload, parseJson(payload ?? "null")));
        return { outcome: "succeeded", passback: null, link: null, output: "" };
      } catch (error) {
        log.warn({ err: error, jobId, payload }, "a plan was not published");
        return { outcome: "failed", error: messageOf(error), output: "" };
      }
    },
  };
}

/** Bears repetition. Throws when there is no such template, or when its parameters do not do; the run is failed then. */
export async function instantiateRun(parts: InstantiateParts, ask: InstantiateAsk): Promise<void> {
  const { sql, supervisor, clock } = parts;
  const { datasetId, params } = ask;
  const run = await findRun(sql, datasetId);
  if (run !== null && run.cancelledAt !== null) return;
  try {
    const template = await templateOf(parts, ask, run?.version ?? null);
    const plan = planOf(template, { datasetId, params });
    if (run === null && template.version > 0 && (await supervisor.read(datasetId)) === null) {
      const order = { runId: datasetId, templateId: template.id, version: template.version, params };
      const source = ask.source === "pass" || ask.source === "replay" ? ask.source : "api";
      await insertRun(sql, {
        ...order,
        source,
        sourceKey: datasetId,
        triggeredBy: service,
        forAt: null,
        at: clock.now(),
      });
    }
    await supervisor.submit(plan, { service, cause: "template.instantiate" });
  } catch (error) {
    if (error instanceof InvalidFieldError || error instanceof NoTemplateError)
      await markRunFailed(sql, datasetId, clock.now());
    throw error;
  }
  // Cancelled while its plan was made.
  const after = run === null ? null : await findRun(sql, datasetId);
  if (after !== null && after.cancelledAt !== null) await cancelRun(parts, datasetId, service);
}

class NoTemplateError extends Error {
  override readonly name = "NoTemplateError";
}

async function templateOf(
  { templates }: InstantiateParts,
  ask: InstantiateAsk,
  version: number | null,
): Promise<Template> {
  const asked = ask.version ?? version;
  const template =
    asked === null || asked === 0 ? templates.get(ask.templateId) : await templates.ofVersion(ask.templateId, asked);
  if (template !== undefined) return template;
  throw new NoTemplateError(`there is no template "${ask.templateId}"${asked ? ` in version ${asked}` : ""}`);
}

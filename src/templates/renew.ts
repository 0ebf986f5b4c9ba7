/**
 * Gives the plan of a pass the inputs that late data has changed, and clears the gates whose APIDs have something new: these are judged
 * again, and what comes after them runs again. One turn, once for each addition however often its job is tried; what it gives is always the newest.
 */
import * as v from "valibot";
import { type Compute, dispatchOf } from "../compute/compute.ts";
import { messageOf } from "../compute/function.ts";
import type { LedgerJson } from "../ground/ledger-json.ts";
import { paramsOf } from "../ground/pass-params.ts";
import type { ClientCommand } from "../model/command.ts";
import { ConflictError } from "../model/errors.ts";
import { parseJson } from "../model/json.ts";
import type { PassId } from "../model/pass.ts";
import { ProductDisabledError } from "../model/plan-errors.ts";
import type { Log } from "../observe/log.ts";
import { findProgress } from "../store/pass-progress.ts";
import { findPass } from "../store/passes.ts";
import type { Sql } from "../store/sql.ts";
import { findRun } from "../store/template-runs.ts";
import type { PlanView, Supervisor } from "../supervisor/supervisor.ts";
import { definitionPathOf } from "../telemetry/archive.ts";
import { isThere } from "../telemetry/archive-index.ts";
import { requirementOf } from "./completeness-gate.ts";
import { planOf } from "./plan-of.ts";
import { requireCompute, type Templates } from "./templates.ts";

export interface RenewParts {
  readonly sql: Sql;
  readonly templates: Templates;
  readonly supervisor: Pick<Supervisor, "submit" | "read">;
}

const Payload = v.object({ passId: v.string(), key: v.string(), apids: v.array(v.number()) });
type Ask = v.InferOutput<typeof Payload>;

const service = "orrery";
const concurrency = 4;
/** Others change the plan meanwhile. */
const triesMax = 20;

export function renewCompute(parts: RenewParts, log: Pick<Log, "warn">): Compute {
  return {
    kind: "internal",
    ...dispatchOf({}, concurrency),
    async run({ payload, jobId }) {
      try {
        const output = await renew(parts, v.parse(Payload, parseJson(payload ?? "null")));
        return { outcome: "succeeded", passback: null, link: null, output };
      } catch (error) {
        log.warn({ err: error, jobId, payload }, "a plan was not given its new inputs");
        return { outcome: "failed", error: messageOf(error), output: "" };
      }
    },
  };
}

/** Bears repetition. Says what it did. Throws when the plan is not there yet: then it is tried again. */
async function renew({ sql, templates, supervisor }: RenewParts, ask: Ask): Promise<string> {
  for (let tries = 1; ; tries++) {
    const pass = await findPass(sql, ask.passId);
    if (pass === null || pass.archive === null || pass.datasetId === null) return "the pass has no plan";
    const { datasetId, archive } = pass;
    const run = await findRun(sql, datasetId);
    if (run !== null && run.cancelledAt !== null) return "the run was cancelled: it stays as it is";
    const view = await supervisor.read(datasetId);
    if (view === null) throw new ConflictError(`The plan ${datasetId} of pass ${ask.passId} is not made yet`);
    const ledger = await ledgerOf(sql, ask.passId);
    const definitionPath = definitionPathOf(archive.path);
    const path = (await isThere(definitionPath)) ? definitionPath : null;
    const template =
      run === null || run.version === 0 ? undefined : await templates.ofVersion(run.templateId, run.version);
    if (template === undefined) return "the template of its plan is not known any more";
    const plan = planOf(template, { datasetId, params: { ...paramsOf(pass, ledger, archive, path) } });
    const command = commandOf(plan, view, new Set(ask.apids));
    try {
      await supervisor.submit(command, { service, cause: "pass.late", idempotency: keyOf(ask) });
      return `${command.inputs.length} products have new inputs, ${command.clear.length} gates are judged again`;
    } catch (error) {
      // A gate was disabled meanwhile: it stays so.
      const isMoved = error instanceof ProductDisabledError;
      if (!isMoved || tries === triesMax) throw error;
    }
  }
}

const keyOf = ({ key }: Ask) => ({ route: "pass.late", key, digest: key });

async function ledgerOf(sql: Sql, passId: PassId): Promise<LedgerJson> {
  const progress = (await findProgress(sql, [passId])).get(passId);
  if (progress === undefined) throw new Error(`There is no ledger of pass ${passId}`);
  // Written by us as JSON of this type.
  return JSON.parse(progress.ledger) as LedgerJson;
}

/** Products that the plan has no more, or that others added to it, are left alone; as is what is disabled. */
function commandOf(
  { datasetId, extra, products }: Extract<ClientCommand, { type: "plan.publish" }>,
  view: PlanView,
  apids: ReadonlySet<number>,
): Extract<ClientCommand, { type: "products.renew" }> {
  const inputs = products.filter(({ productId }) => view.products.has(productId));
  const clear = inputs.filter(({ productId, passthrough }) => {
    const row = view.products.get(productId);
    if (row?.compute !== requireCompute || row.state === "disabled") return false;
    const asked = requirementOf(passthrough === null ? null : (parseJson(passthrough) as Record<string, unknown>)); // a mapping
    return asked !== null && (asked.apids === undefined || asked.apids.some((apid) => apids.has(apid)));
  });
  return {
    type: "products.renew",
    datasetId,
    extra,
    inputs: inputs.map(({ productId, passthrough }) => ({ productId, passthrough })),
    clear: clear.map(({ productId }) => productId),
  };
}

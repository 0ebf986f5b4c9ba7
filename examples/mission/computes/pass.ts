/** What a pass handed to its products, and where products go. */
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { FunctionTask } from "../../../src/compute/function.ts";
import type { PassParams } from "../../../src/ground/pass-params.ts";

/** The parameters that the pass gave its template: every product of the plan has them in its passthrough. */
export function passOf(task: Pick<FunctionTask, "passthrough">): PassParams {
  const { params } = (task.passthrough ?? {}) as { params?: unknown }; // a template's products have an object here
  const isOfPass = typeof params === "object" && params !== null && "telemetry" in params && "ledger" in params;
  if (!isOfPass) throw new Error("Cannot compute this product as its plan is not that of a pass: it has no telemetry");
  return params as PassParams; // made by the ground segment in this shape
}

/** Where the products of this pass go: products/<pass> beside the archives, made if it is not there. */
export async function productFolder({ pass, telemetry }: PassParams): Promise<string> {
  const folder = join(dirname(dirname(dirname(telemetry.path))), "products", pass.id);
  await mkdir(folder, { recursive: true });
  return folder;
}

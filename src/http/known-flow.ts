/** The flow that a path names. */
import type { Flow } from "../flow/flow.ts";
import type { Flows } from "../flow/flows.ts";
import { NotFoundError } from "../model/errors.ts";

/** 404 when there is no such flow. */
export function knownFlow(flows: Pick<Flows, "find">, name: string): Flow {
  const flow = flows.find(name);
  if (flow === null) throw new NotFoundError("flow", name);
  return flow;
}

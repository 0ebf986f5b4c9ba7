/** What the audit hears of a guarded operation: writes that were done, before they are answered, and those that were refused. */
import type { Context } from "hono";
import { RoleMissingError, ShipScopeError, TokenRefusedError, UnknownServiceError } from "../model/errors.ts";
import { parseUuid } from "../model/ids.ts";
import type { Caller } from "../model/service.ts";
import type { AuditEntry, AuditTrail } from "./audit-trail.ts";
import { requestIdOf } from "./request-log.ts";

export interface Audited {
  /**
   * The action's name in the audit: `key.create`; method and path if absent. `keptAs`: the write leaves a row elsewhere that says
   * who did it (a turn's event, an attempt), so only refusals are added.
   */
  readonly audit?: string | { readonly action: string; readonly keptAs: "event" | "attempt" };
}

export interface Auditor {
  /** Runs the write; `wrote` names its target where the path does not; null: nothing was written. */
  write(c: Context, caller: Caller, handle: Handle): Response | Promise<Response>;
  /** Takes any error; notes those that turned a known service away. */
  refused(c: Context, error: unknown): void;
}

type Handle = (wrote: (target: string | null) => void) => Response | Promise<Response>;

interface Audit {
  readonly method: string;
  readonly path: string;
}

const unheard = (): void => {};

export function auditorOf(trail: AuditTrail, operation: Audited & Audit): Auditor {
  const { method, path, audit } = operation;
  const action = (typeof audit === "object" ? audit.action : audit) ?? `${method.toUpperCase()} ${path}`;
  const isWrite = method !== "get";
  const entryOf = (c: Context, service: string, status: number, target: string | null): AuditEntry => ({
    service,
    action,
    target: target ?? c.req.path.replace(/^\/api/, ""),
    status,
    requestId: requestIdOf(c),
    datasetId: parseUuid(c.req.param("dataset_id") ?? ""),
  });

  async function writeAudited(c: Context, caller: Caller, handle: Handle): Promise<Response> {
    let target: string | null = null;
    let hasWritten = true;
    trail.requireRoom();
    const run = async () =>
      handle((named) => {
        target = named;
        hasWritten = named !== null;
      });
    const answer = await run().catch((error: unknown) => {
      // Some roles depend on what is written.
      refused(c, error);
      throw error;
    });
    if (answer.ok && hasWritten) await trail.wrote(entryOf(c, caller.service, answer.status, target));
    return answer;
  }

  function refused(c: Context, error: unknown): void {
    const away = isWrite ? turnedAway(error) : null;
    if (away !== null) trail.refused(entryOf(c, away.service, away.status, null));
  }

  return {
    write: !isWrite || typeof audit === "object" ? (_c, _caller, handle) => handle(unheard) : writeAudited,
    refused,
  };
}

/** Null when it is another error, or nobody knows whose call it was. */
function turnedAway(error: unknown): { service: string; status: number } | null {
  if (error instanceof TokenRefusedError)
    return error.service === null ? null : { service: error.service, status: error.status };
  const isAway =
    error instanceof RoleMissingError || error instanceof UnknownServiceError || error instanceof ShipScopeError;
  return isAway ? { service: error.service, status: error.status } : null;
}

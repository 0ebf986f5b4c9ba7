/** The guard of every write: a token of a service, or an API key as `x-api-key` or as a Bearer; and the audit of what passed. */
import type { Caller } from "../model/service.ts";
import type { ApiKeys } from "./api-keys.ts";
import type { AuditTrail } from "./audit-trail.ts";
import type { Auth } from "./auth.ts";

export interface Guard extends Auth {
  /** At once for a token; a promise for a key, which the store may have to be asked for. Throws, or rejects, with 401 or 403. */
  callerFrom(headers: Headers): Caller | Promise<Caller>;
  readonly audit: AuditTrail;
}

export interface GuardParts {
  readonly auth: Auth;
  readonly keys: ApiKeys;
  readonly audit: AuditTrail;
}

const hasToken = /^bearer +\S/i;
const bearerKey = /^bearer +(orr_\S*)$/i;

export function createGuard({ auth, keys, audit }: GuardParts): Guard {
  return {
    ...auth,
    audit,
    callerFrom(headers) {
      const authorization = headers.get("authorization");
      const key = keyIn(headers, authorization);
      return key === null ? auth.callerOf(authorization) : keys.callerOf(key);
    },
  };
}

/** A Bearer decides, whatever else is there; another scheme, of a proxy say, leaves room for `x-api-key`. */
function keyIn(headers: Headers, authorization: string | null): string | null {
  if (authorization !== null && hasToken.test(authorization)) return bearerKey.exec(authorization)?.[1] ?? null;
  return headers.get("x-api-key")?.trim() || null;
}

/**
 * The guard of every write: a token of a service, an API key as `x-api-key` or as a Bearer, or the session of a browser; and the
 * audit of what passed.
 */
import { ForeignOriginError } from "../model/errors.ts";
import type { Caller } from "../model/service.ts";
import type { ApiKeys } from "./api-keys.ts";
import type { AuditTrail } from "./audit-trail.ts";
import type { Auth } from "./auth.ts";
import type { Sessions } from "./sessions.ts";

export interface Guard extends Auth {
  /** At once for a token; a promise for a key, which the store may have to be asked for. Throws, or rejects, with 401 or 403. */
  callerFrom(request: Request): Caller | Promise<Caller>;
  /** Who is signed in at the pages; null: nobody, or nobody any more. */
  viewerOf(request: Request): Promise<Caller | null>;
  readonly sessions: Sessions;
  readonly audit: AuditTrail;
}

export interface GuardParts {
  readonly auth: Auth;
  readonly keys: ApiKeys;
  readonly audit: AuditTrail;
  readonly sessions: Sessions;
  /** What links say; a proxy may show another host to the browser than to us. */
  readonly baseUrl: string;
}

const hasToken = /^bearer +\S/i;
const bearerKey = /^bearer +(orr_\S*)$/i;

export function createGuard({ auth, keys, audit, sessions, baseUrl }: GuardParts): Guard {
  const ownOrigin = new URL(baseUrl).origin;
  return {
    ...auth,
    audit,
    sessions,
    callerFrom(request) {
      const { headers } = request;
      const authorization = headers.get("authorization");
      const key = keyIn(headers, authorization);
      if (key !== null) return keys.callerOf(key);
      const session = authorization === null ? sessions.read(headers) : null;
      if (session === null) return auth.callerOf(authorization);
      refuseForeign(request, ownOrigin);
      return sessions.callerOf(session);
    },
    async viewerOf(request) {
      const session = sessions.read(request.headers);
      if (session === null) return null;
      try {
        return await sessions.callerOf(session);
      } catch {
        return null; // its key was revoked, its service is gone, or the store is away: a page is shown all the same
      }
    },
  };
}

/**
 * A browser sends its cookie with what any page asks of us. A write must come from a page of ours, and every browser says where a
 * write comes from. Throws 403.
 */
export function refuseForeign({ method, headers }: Request, ownOrigin: string): void {
  if (method !== "GET" && method !== "HEAD") requireOwnOrigin(headers, ownOrigin);
}

/** Throws 403 unless a page of ours asks. A WebSocket begins with a GET that any page may send, the cookie along with it. */
export function requireOwnOrigin(headers: Headers, ownOrigin: string): void {
  const origin = headers.get("origin");
  const isOurs = origin === ownOrigin || (origin !== null && hostOf(origin) === headers.get("host"));
  if (!isOurs) throw new ForeignOriginError(origin);
}

const hostOf = (origin: string): string | null => (URL.canParse(origin) ? new URL(origin).host : null);

/** A Bearer decides, whatever else is there; another scheme, of a proxy say, leaves room for `x-api-key`. */
function keyIn(headers: Headers, authorization: string | null): string | null {
  if (authorization !== null && hasToken.test(authorization)) return bearerKey.exec(authorization)?.[1] ?? null;
  return headers.get("x-api-key")?.trim() || null;
}

/**
 * Who is calling: tokens (JWT, HS256, RFC 7519) are minted at login and verified once while they live; keys are checked
 * against bcrypt hashes off the event loop. Roles are those configured now, whatever a token claims.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { RoleMissingError, TokenRefusedError, UnauthorizedError, UnknownServiceError } from "../model/errors.ts";
import { type Caller, type Role, roles, type Service } from "../model/service.ts";
import { createPasswordCheck, type PasswordCheck } from "./password.ts";

/** What login answers. Times are Unix seconds. */
export interface Authenticated {
  readonly access_token: string;
  readonly token_type: "Bearer";
  readonly service: string;
  readonly roles: readonly Role[];
  readonly issued: number;
  readonly expires: number;
  readonly ttl: number;
  readonly issued_by: string;
}

export interface Auth {
  /** Rejects with 401, or with 503 when too many logins wait. */
  login(service: string, key: string): Promise<Authenticated>;
  /** The service that an `Authorization` header speaks for. Throws 401 or 403 as the contract says. */
  callerOf(authorization: string | null | undefined): Service;
  /** Whose token this is, and its end in Unix seconds. Throws as `callerOf`. */
  verify(token: string): { readonly service: string; readonly expires: number };
  /** The service as it is configured now. Throws 401 when it is not. */
  callerNamed(service: string): Service;
  /** A token without asking for a key: for the operator, who has the secret key anyway. The service must be configured. */
  issue(service: string): Authenticated;
  stop(): void;
}

const ttlS = 3600;
const leewayS = 60;
const issuer = "Orrery";
const tokensMax = 10_000;
/** Headers are bounded by the server too; nothing longer is worth a digest. */
const tokenLengthMax = 8192;

export interface AuthParts {
  readonly services: readonly Service[];
  readonly secretKey: Uint8Array;
  /** Milliseconds since 1970. */
  readonly nowMs?: () => number;
  readonly passwords?: PasswordCheck;
}

interface Verified {
  readonly service: string;
  readonly expiresS: number;
}

export function createAuth({
  services,
  secretKey,
  nowMs = Date.now,
  passwords = createPasswordCheck(),
}: AuthParts): Auth {
  const configured = new Map(services.map((service) => [service.service, service]));
  /** Tokens that were verified, the longest unused first. */
  const verified = new Map<string, Verified>();
  /** A digest, under a key of this process only, of the last good key of each service: a second login need not hash again. */
  const goodKeys = new Map<string, Buffer>();
  const processKey = randomBytes(32);
  /** Hashed when the service is unknown, so that it takes as long as a known one. */
  const decoyHash = services[0]?.hash ?? "$2b$10$wVzUXU5JtJ2PJd1lxhRIbuNK1V3KDOtEKKJxRNdjLyM4kcYIsXpAa";

  const sign = (text: string): string => createHmac("sha256", secretKey).update(text).digest("base64url");
  const keyDigest = (service: string, key: string): Buffer =>
    createHmac("sha256", processKey).update(`${service}\u0000${key}`).digest();

  async function isKeyOf(service: Service, key: string): Promise<boolean> {
    const digest = keyDigest(service.service, key);
    const isKnown = (): boolean => {
      const good = goodKeys.get(service.service);
      return good !== undefined && timingSafeEqual(good, digest);
    };
    if (isKnown()) return true;
    const isRight = await passwords.verify(key, service.hash, isKnown);
    if (isRight) goodKeys.set(service.service, digest);
    return isRight;
  }

  function mint(service: Service): Authenticated {
    const issued = Math.floor(nowMs() / 1000);
    const expires = issued + ttlS;
    const claims = { sub: service.service, iat: issued, exp: expires, iss: issuer, roles: service.roles };
    const signed = `${encode({ typ: "JWT", alg: "HS256" })}.${encode(claims)}`;
    return {
      access_token: `${signed}.${sign(signed)}`,
      token_type: "Bearer",
      service: service.service,
      roles: service.roles,
      issued,
      expires,
      ttl: ttlS,
      issued_by: issuer,
    };
  }

  function verify(token: string): Verified {
    const parts = token.length > tokenLengthMax ? null : tokenShape.exec(token);
    const [, header = "", payload = "", signature = ""] = parts ?? [];
    if (parts === null) throw refused("malformed");
    const { alg, crit } = decode(header);
    if (alg !== "HS256" || crit !== undefined) throw refused("not signed by HS256");
    if (!isSameText(signature, sign(`${header}.${payload}`))) throw refused("wrongly signed");
    const { sub, iat, exp, iss, roles: claimed } = decode(payload);
    if (typeof sub !== "string" || typeof iss !== "string") throw refused("without a sub or iss claim");
    if (!isSeconds(iat) || !isSeconds(exp)) throw refused("without an iat or exp claim");
    if (!Array.isArray(claimed) || !claimed.every(isRole)) throw refused("without a roles claim of known roles");
    return { service: sub, expiresS: exp };
  }

  function verifiedOnce(token: string): Verified {
    const known = verified.get(token);
    if (known) {
      verified.delete(token);
      verified.set(token, known);
      return known;
    }
    const fresh = verify(token);
    if (verified.size >= tokensMax) for (const oldest of verified.keys()) if (verified.delete(oldest)) break;
    verified.set(token, fresh);
    return fresh;
  }

  function living(token: string): Verified {
    const known = verifiedOnce(token);
    if (Math.floor(nowMs() / 1000) <= known.expiresS + leewayS) return known;
    verified.delete(token);
    throw refused("expired", known.service);
  }

  function callerNamed(name: string): Service {
    const service = configured.get(name);
    if (service === undefined) throw new UnknownServiceError(name);
    return service;
  }

  return {
    async login(name, key) {
      const service = configured.get(name);
      if (service === undefined) {
        await passwords.verify(key, decoyHash, () => false);
        throw new UnknownServiceError(name);
      }
      if (!(await isKeyOf(service, key))) throw new UnauthorizedError("Cannot log in as the key is wrong");
      return mint(service);
    },
    callerOf: (authorization) => callerNamed(living(bearerToken(authorization)).service),
    verify(token) {
      const { service, expiresS } = living(token);
      callerNamed(service);
      return { service, expires: expiresS };
    },
    callerNamed,
    issue: (name) => mint(callerNamed(name)),
    stop: () => passwords.stop(),
  };
}

/** Throws 403 when the service lacks the role. */
export function requireRole(caller: Caller, role: Role): void {
  if (!caller.roles.includes(role)) throw new RoleMissingError(caller.service, role);
}

/** The token of an `Authorization` header; 401 unless it is a Bearer one. */
function bearerToken(authorization: string | null | undefined): string {
  const token = /^bearer +(.+)$/i.exec(authorization?.trim() ?? "")?.[1];
  if (token === undefined)
    throw new UnauthorizedError("Send a token: Authorization: Bearer <token of /api/authenticate>");
  return token;
}

const tokenShape = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/;

const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");

function decode(part: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString());
    // Any object is a record of unknowns once null and arrays are out.
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {}
  throw refused("malformed");
}

const refused = (how: string, service: string | null = null): TokenRefusedError =>
  new TokenRefusedError(`The token is refused as it is ${how}: log in again at /api/authenticate`, service);

const isSeconds = (value: unknown): value is number =>
  typeof value === "number" && Number.isFinite(value) && value >= 0;

const isRole = (value: unknown): boolean => roles.some((role) => role === value);

/** Compares in a time that does not tell where they differ. Their lengths are public. */
function isSameText(one: string, other: string): boolean {
  const a = Buffer.from(one);
  const b = Buffer.from(other);
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * Sessions of people at the pages: a signed cookie that says which API key or service signed in, and until when. It holds no
 * secret, and what it may do is asked anew each time: a revoked key or a changed role counts at once.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Uuid } from "../model/ids.ts";
import type { Caller } from "../model/service.ts";
import type { ApiKeys } from "./api-keys.ts";
import type { Auth } from "./auth.ts";
import { keyPrefix, readKeyText } from "./key-text.ts";

/** Only HTTPS and loopback keep it, and no other host or path can set it (RFC 6265bis, §4.1.3). */
export const sessionCookie = "__Host-orrery";
/** A day of work. */
const sessionS = 12 * 3600;
const textLengthMax = 1024;

export interface Session {
  readonly by: { readonly key: Uuid } | { readonly service: string };
  /** Unix seconds. */
  readonly expires: number;
}

export interface Sessions {
  /** Signs in by an API key, or by a token of `/api/authenticate`. Rejects as the API does with either. */
  open(secret: string): Promise<Session>;
  /** Signs in as a service by its own key. */
  openAs(service: string, key: string): Promise<Session>;
  /** What the browser keeps: the value of `Set-Cookie`. */
  cookieOf(session: Session): string;
  /** Whose cookie came along; null when there is none that holds. */
  read(headers: Headers): Session | null;
  /** Throws, or rejects, with 401 or 403 when the session's key or service may do nothing any more. */
  callerOf(session: Session): Caller | Promise<Caller>;
}

export interface SessionsParts {
  readonly secretKey: Uint8Array;
  readonly auth: Auth;
  readonly keys: ApiKeys;
  /** Milliseconds since 1970. */
  readonly nowMs?: () => number;
}

export const endedCookie = `${sessionCookie}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0`;

export function createSessions({ secretKey, auth, keys, nowMs = Date.now }: SessionsParts): Sessions {
  // A key of its own: a session is never a token, nor the other way round.
  const signingKey = createHmac("sha256", secretKey).update("orrery session").digest();
  const sign = (text: string): Buffer => createHmac("sha256", signingKey).update(text).digest();
  const nowS = (): number => Math.floor(nowMs() / 1000);
  const endsLatest = (): number => nowS() + sessionS;

  return {
    async open(secret) {
      if (!secret.startsWith(keyPrefix)) {
        const { service, expires } = auth.verify(secret);
        return { by: { service }, expires: Math.min(expires, endsLatest()) };
      }
      await keys.callerOf(secret);
      const keyId = readKeyText(secret)?.keyId ?? "";
      return { by: { key: keyId }, expires: endsLatest() };
    },
    async openAs(service, key) {
      await auth.login(service, key);
      return { by: { service }, expires: endsLatest() };
    },
    cookieOf(session) {
      const text = Buffer.from(JSON.stringify(session)).toString("base64url");
      const value = `${text}.${sign(text).toString("base64url")}`;
      return `${sessionCookie}=${value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${session.expires - nowS()}`;
    },
    read(headers) {
      const value = cookieIn(headers.get("cookie"));
      const [text = "", signature = ""] = value?.split(".") ?? [];
      if (text === "" || text.length > textLengthMax) return null;
      const [given, right] = [Buffer.from(signature, "base64url"), sign(text)];
      if (given.length !== right.length || !timingSafeEqual(given, right)) return null;
      // Signed by us, so it is what `cookieOf` was given.
      const session = JSON.parse(Buffer.from(text, "base64url").toString()) as Session;
      return session.expires > nowS() ? session : null;
    },
    callerOf: ({ by }) => ("key" in by ? keys.callerOfId(by.key) : auth.callerNamed(by.service)),
  };
}

function cookieIn(header: string | null): string | null {
  if (header === null) return null;
  for (const pair of header.split(";")) {
    const trimmed = pair.trim();
    if (trimmed.startsWith(`${sessionCookie}=`)) return trimmed.slice(sessionCookie.length + 1);
  }
  return null;
}

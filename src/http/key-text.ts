/** The text of an API key: `orr_<id>_<secret>`, 256 random bits after the id. The prefix lets scanners of leaked secrets find it. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { parseUuid, type Uuid } from "../model/ids.ts";

export interface KeyText {
  readonly keyId: Uuid;
  readonly secret: string;
}

export const keyPrefix = "orr_";
const secretBytes = 32;
const shape = /^orr_([0-9a-f]{32})_([A-Za-z0-9_-]{43})$/;

export const newSecret = (): string => randomBytes(secretBytes).toString("base64url");

export const keyTextOf = ({ keyId, secret }: KeyText): string => `${keyPrefix}${keyId.replaceAll("-", "")}_${secret}`;

/** Null when it is no key's text. */
export function readKeyText(text: string): KeyText | null {
  const [, id = "", secret = ""] = shape.exec(text) ?? [];
  const keyId = parseUuid(id);
  return keyId === null ? null : { keyId, secret };
}

/** SHA-256, in base64url. */
export const digestOf = (secret: string): string => createHash("sha256").update(secret).digest("base64url");

/** Takes the same time wherever they differ. */
export function isSecretOf(secret: string, digest: string): boolean {
  const given = Buffer.from(digestOf(secret));
  const known = Buffer.from(digest);
  return given.length === known.length && timingSafeEqual(given, known);
}

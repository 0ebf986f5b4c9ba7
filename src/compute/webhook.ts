/**
 * Signed requests as the Standard Webhooks specification says (standardwebhooks.com, version 1): `webhook-id`, `webhook-timestamp`
 * and `webhook-signature`, HMAC-SHA256 over `id.timestamp.body` under a `whsec_…` secret.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { AllowPrivate, Resolve } from "./guarded-connect.ts";
import { type Answered, requestGuarded } from "./guarded-request.ts";

const prefix = "whsec_";
/** The specification's bounds of a secret. */
const keyBytesMin = 24;
const keyBytesMax = 64;
/** How far a receiver's clock may be off. */
const toleranceS = 300;

export type WebhookHeaders = Readonly<Record<"webhook-id" | "webhook-timestamp" | "webhook-signature", string>>;

/** What is wrong with a secret; null if nothing is. Never names the secret itself. */
export function secretFlaw(secret: string): string | null {
  if (!secret.startsWith(prefix)) return `a secret begins with ${prefix}`;
  const text = secret.slice(prefix.length);
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return `after ${prefix} a secret is base64`;
  const { length } = keyOf(secret);
  if (length < keyBytesMin || length > keyBytesMax)
    return `a secret has ${keyBytesMin} to ${keyBytesMax} bytes, this one ${length}: \`openssl rand -base64 32\` makes one`;
  return null;
}

/** `secrets`: while one is replaced, both sign, and a receiver takes either. `id` is the same each time a thing is sent again. */
export function signWebhook(
  secrets: readonly string[],
  sent: { readonly id: string; readonly epochS: number; readonly body: string },
): WebhookHeaders {
  return {
    "webhook-id": sent.id,
    "webhook-timestamp": String(sent.epochS),
    "webhook-signature": secrets.map((secret) => `v1,${signatureOf(secret, sent)}`).join(" "),
  };
}

/** What a receiver does. Compares in constant time. */
export function isSignedWebhook(
  secrets: readonly string[],
  headers: Readonly<Record<string, string | string[] | undefined>>,
  body: string,
  epochS: number,
): boolean {
  const [id, timestamp, signatures] = ["id", "timestamp", "signature"].map((name) => headers[`webhook-${name}`]);
  if (typeof id !== "string" || typeof timestamp !== "string" || typeof signatures !== "string") return false;
  if (!/^\d+$/.test(timestamp) || Math.abs(epochS - Number(timestamp)) > toleranceS) return false;
  const sent = { id, epochS: Number(timestamp), body };
  const given = signatures.split(" ").flatMap((part) => (part.startsWith("v1,") ? [part.slice(3)] : []));
  return secrets.some((secret) => given.some((text) => isSame(text, signatureOf(secret, sent))));
}

export interface WebhookAsk {
  readonly url: string;
  /** One or, while one is replaced, several. */
  readonly secret: string | readonly string[];
  /** What happened, e.g. `product.late`. */
  readonly type: string;
  readonly data: unknown;
  /** The same each time that it is sent again. */
  readonly id: string;
  /** When it happened. */
  readonly at: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly allowPrivate?: AllowPrivate;
  readonly ca?: string | undefined;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly resolve?: Resolve;
}

const webhookMs = 15_000;
/** Only its status counts. */
const answerBytesMax = 64 * 1024;

/** The receiver answered, and not with 2xx. */
export class WebhookAnswerError extends Error {
  readonly status: number;
  constructor(host: string, status: number) {
    super(`${host} answered ${status}`);
    this.name = new.target.name;
    this.status = status;
  }
}

/**
 * Sends `{type, timestamp, data}` once. Resolves with the answer if it is 2xx, else rejects with `WebhookAnswerError` or, without an
 * answer, `RequestFailedError`: the caller says whether it is sent again.
 */
export async function sendWebhook(ask: WebhookAsk): Promise<Answered> {
  const url = new URL(ask.url);
  const body = JSON.stringify({ type: ask.type, timestamp: ask.at, data: ask.data });
  const secrets = typeof ask.secret === "string" ? [ask.secret] : ask.secret;
  const answer = await requestGuarded({
    url,
    method: "POST",
    headers: {
      ...ask.headers,
      "content-type": "application/json",
      ...signWebhook(secrets, { id: ask.id, epochS: nowS(), body }),
    },
    body,
    allowPrivate: ask.allowPrivate ?? false,
    ca: ask.ca,
    timeoutMs: ask.timeoutMs ?? webhookMs,
    answerBytesMax,
    signal: ask.signal ?? new AbortController().signal,
    ...(ask.resolve && { resolve: ask.resolve }),
  });
  if (answer.status < 200 || answer.status > 299) throw new WebhookAnswerError(url.host, answer.status);
  return answer;
}

/** The receiver compares it with its own clock. */
export const nowS = (): number => Math.floor(Date.now() / 1000);

const keyOf = (secret: string): Buffer => Buffer.from(secret.slice(prefix.length), "base64");

function signatureOf(
  secret: string,
  sent: { readonly id: string; readonly epochS: number; readonly body: string },
): string {
  return createHmac("sha256", keyOf(secret)).update(`${sent.id}.${sent.epochS}.${sent.body}`).digest("base64");
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

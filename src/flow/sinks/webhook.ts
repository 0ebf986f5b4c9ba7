/**
 * Sends each payload as a signed request (Standard Webhooks) of type `flow.delivery`, several at a time and so in no order. Its
 * `webhook-id` is the delivery's key, the same when it is sent again: by it a receiver knows what it has had.
 */
import * as v from "valibot";
import { messageOf } from "../../compute/function.ts";
import { RequestFailedError } from "../../compute/guarded-request.ts";
import { type RequestSettings, requestSettings, secretsOf } from "../../compute/request-settings.ts";
import { sendWebhook, WebhookAnswerError } from "../../compute/webhook.ts";
import { signedRequest } from "../../config-computes.ts";
import type { Delivery, Outcome, Sink } from "../sink.ts";
import { notJson, payloadJson } from "./payload-json.ts";
import { cannotUse, type SinkParts } from "./setup.ts";

export const webhookSink = v.strictObject({
  kind: v.literal("webhook"),
  ...signedRequest,
  /** Requests under way at a time. */
  concurrency: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(256))),
});

export type WebhookSinkConfig = v.InferOutput<typeof webhookSink>;

interface Settings extends RequestSettings {
  readonly secrets: readonly string[];
}

const concurrencyDefault = 8;
/** Answers that say "not now"; so do all 5xx. */
const temporary = new Set([408, 425, 429]);

export function createWebhookSink(
  name: string,
  config: WebhookSinkConfig,
  { configDir, environment }: SinkParts,
): Sink {
  let settings: Settings | null = null;

  async function send({ headers, ca, secrets }: Settings, delivery: Delivery, signal: AbortSignal): Promise<Outcome> {
    const { key, origin, payload } = delivery;
    if (payloadJson(payload) === null) return notJson;
    try {
      await sendWebhook({
        url: config.url,
        secret: secrets,
        type: "flow.delivery",
        data: { origin, payload },
        id: key,
        at: new Date().toISOString(),
        headers,
        allowPrivate: config.allow_private ?? false,
        ca,
        signal,
      });
      return { kind: "ok" };
    } catch (error) {
      return { kind: isFinal(error) ? "refused" : "retry", reason: messageOf(error) };
    }
  }

  return {
    /** Sends nothing: a request would be a delivery. */
    async check() {
      const cannot = cannotUse(name);
      settings = {
        ...requestSettings(cannot, config, configDir, environment),
        secrets: secretsOf(cannot, config, environment),
      };
    },
    async deliver(batch, signal) {
      if (settings === null) throw new Error("the webhook's secret has not been read");
      const known = settings;
      const outcomes: Outcome[] = [];
      const waiting = batch.entries();
      const sendNext = async (): Promise<void> => {
        for (const [index, delivery] of waiting) outcomes[index] = await send(known, delivery, signal);
      };
      await Promise.all(Array.from({ length: config.concurrency ?? concurrencyDefault }, sendNext));
      return outcomes;
    },
    async close() {},
  };
}

/** A redirect is not followed, and would come again. */
function isFinal(error: unknown): boolean {
  if (error instanceof WebhookAnswerError) return error.status < 500 && !temporary.has(error.status);
  return error instanceof RequestFailedError && error.code === "address_refused";
}

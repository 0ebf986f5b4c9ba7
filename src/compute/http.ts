/**
 * A compute that is a web service. It gets the task by a signed POST (Standard Webhooks), and answers at once with 2xx and JSON, or
 * with 202 and later to the callback that stands in the task. Where it may be is guarded at the connection.
 */
import type { Callbacks, OpenCallback } from "./callbacks.ts";
import { type Compute, defaults, dispatchOf, judged, type Outcome, type Task } from "./compute.ts";
import type { HttpConfig } from "./compute-config.ts";
import { messageOf, reasonOf, timerMs } from "./function.ts";
import type { AllowPrivate, Resolve } from "./guarded-connect.ts";
import { RequestFailedError, requestGuarded } from "./guarded-request.ts";
import { outcomeOfAnswer, outcomeOfCallback } from "./http-answer.ts";
import type { RequestSettings } from "./request-settings.ts";
import { taskJson } from "./task-json.ts";
import { nowS, signWebhook } from "./webhook.ts";

/** A passback, and the envelope around it. */
const answerBytesMax = defaults.passbackBytesMax + 16 * 1024;

const closeMs = 1_000;

export interface HttpParts extends RequestSettings {
  readonly secrets: readonly string[];
  readonly callbacks: Pick<Callbacks, "open">;
  readonly resolve?: Resolve;
}

export function createHttp(config: Omit<HttpConfig, "kind">, parts: HttpParts): Compute {
  const dispatch = dispatchOf(config, defaults.remoteConcurrency);
  const service: Service = { ...parts, url: new URL(config.url), allowPrivate: config.allow_private ?? false };
  return {
    kind: "http",
    ...dispatch,
    async run(task, { signal }) {
      const timeoutMs = Math.min(task.timeoutMs ?? dispatch.timeoutMs, dispatch.timeoutMs);
      return judged(await runHttp(service, task, signal, timeoutMs), dispatch.noRetry);
    },
  };
}

interface Service extends HttpParts {
  readonly url: URL;
  readonly allowPrivate: AllowPrivate;
}

async function runHttp(service: Service, task: Task, signal: AbortSignal, timeoutMs: number): Promise<Outcome> {
  if (signal.aborted) return cancelled(signal);
  const own = new AbortController();
  const timer = setTimeout(() => own.abort(new Error(`timed out after ${timeoutMs / 1000} s`)), timerMs(timeoutMs));
  const ending = AbortSignal.any([signal, own.signal]);
  const ended = aborted(ending).then((): Outcome => {
    if (signal.aborted) return cancelled(signal);
    return { outcome: "timed_out", error: reasonOf(own.signal), code: "timeout", output: "" };
  });
  const { jobId, attempt, token } = task;
  const opening = service.callbacks.open({ jobId, attempt, token, expiresInMs: timeoutMs });
  try {
    const callback = await Promise.race([opening, ended]);
    if (!("url" in callback)) return callback;
    const later = callback.answer.then(outcomeOfCallback);
    // The callback may come before its service has answered, and counts.
    const now = await Promise.race([later, ended, post(service, task, callback.url, timeoutMs, ending)]);
    return now ?? (await Promise.race([later, ended]));
  } catch (error) {
    // The callback's row could not be stored.
    return { outcome: "failed", error: messageOf(error), code: "callback_not_opened", output: "" };
  } finally {
    clearTimeout(timer);
    own.abort(new Error("its attempt is over")); // also the request, when the callback was quicker
    await closeSoon(opening);
  }
}

/** A store that does not answer must not hold up a node that stops: then the row ends by its time. */
async function closeSoon(opening: Promise<OpenCallback>): Promise<void> {
  const closing = opening.then((callback) => callback.close()).catch(() => undefined);
  await Promise.race([closing, new Promise((resolve) => setTimeout(resolve, closeMs))]);
}

/** Null: its answer comes later. Never rejects. */
async function post(
  service: Service,
  task: Task,
  callbackUrl: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Outcome | null> {
  const body = taskJson(task, callbackUrl);
  // The same each time that this attempt is sent, so that a service can tell a repetition.
  const id = `msg_${task.jobId}_${task.attempt}`;
  try {
    const answer = await requestGuarded({
      ...service,
      method: "POST",
      headers: {
        accept: "application/json",
        "user-agent": "orrery",
        ...service.headers,
        "content-type": "application/json",
        ...signWebhook(service.secrets, { id, epochS: nowS(), body }),
      },
      body,
      timeoutMs,
      answerBytesMax,
      signal,
    });
    const outcome = outcomeOfAnswer(answer, service.url.host);
    return outcome && { ...outcome, output: withoutSecrets(outcome.output, service) };
  } catch (error) {
    const code = error instanceof RequestFailedError ? error.code : "network";
    const isFinal = code === "address_refused";
    return { outcome: code === "timeout" ? "timed_out" : "failed", error: messageOf(error), code, isFinal, output: "" };
  }
}

/** A service may repeat in its refusal what it was sent. */
function withoutSecrets(output: string, { headers, secrets }: Service): string {
  const words = [...Object.values(headers).flatMap((value) => [value, ...value.split(" ")]), ...secrets];
  // What is shorter is no secret, and would tear holes into any text.
  return words.filter((word) => word.length >= 8).reduce((text, word) => text.replaceAll(word, "[redacted]"), output);
}

const cancelled = (signal: AbortSignal): Outcome => ({ outcome: "cancelled", error: reasonOf(signal), output: "" });

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

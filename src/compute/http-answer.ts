/** What a web service's answer means: a result now, a promise of one, or a failure that is worth another attempt or not. */
import * as v from "valibot";
import { type JsonText, jsonTextOf, parseJson } from "../model/json.ts";
import type { Outcome } from "./compute.ts";
import { messageOf } from "./function.ts";
import type { Answered } from "./guarded-request.ts";
import { storableText } from "./output.ts";
import { checkPassback } from "./passback.ts";

/** Of a refusal's body: enough to see why. */
const shownMax = 4096;
/** 4xx that say "not now": another attempt may do. All others say "not this". */
const temporary = new Set([408, 409, 425, 429]);
const retryAfterMsMax = 86_400_000;

/** Null for 202: its answer comes later. */
export function outcomeOfAnswer({ status, headers, text }: Answered, host: string): Outcome | null {
  if (status === 202) return null;
  if (status >= 200 && status < 300) return outcomeOfResult(text, status);
  const retryAfterMs = retryAfterOf(headers["retry-after"]);
  const where = headers.location === undefined ? "" : ", and a redirect is not followed";
  const wait = retryAfterMs === null ? "" : `, and asks to be left alone for ${retryAfterMs / 1000} s`;
  return {
    outcome: "failed",
    error: `${host} answered ${status}${where}${wait}`,
    code: String(status),
    isFinal: status >= 400 && status < 500 && !temporary.has(status),
    ...(retryAfterMs !== null && { retryAfterMs }),
    output: shown(text),
  };
}

/** `{passback, link}`, or any other JSON value, which is then the passback itself. */
function outcomeOfResult(text: string, status: number): Outcome {
  if (text.trim() === "") return { outcome: "succeeded", passback: null, link: null, output: "" };
  try {
    const value = parsed(text);
    const isEnvelope = isObject(value) && Object.keys(value).length > 0 && Object.keys(value).every(isEnvelopeKey);
    const passback = checkPassback(isEnvelope ? jsonTextOf(value.passback) : value === null ? null : text.trim());
    return { outcome: "succeeded", passback, link: isEnvelope ? linkOf(value.link) : null, output: "" };
  } catch (error) {
    return {
      outcome: "failed",
      error: `its answer ${status} cannot be used: ${messageOf(error)}`,
      code: "answer_invalid",
      output: shown(text),
    };
  }
}

const isEnvelopeKey = (key: string): boolean => key === "passback" || key === "link";

const Later = v.union([
  v.object({
    error: v.string(),
    code: v.nullish(v.union([v.string(), v.number()])),
    retryable: v.nullish(v.boolean()),
  }),
  v.object({ result: v.optional(v.unknown()), link: v.nullish(v.string()) }),
]);

/** What was sent to a callback: `{result, link}`, or `{error, code, retryable}`. */
export function outcomeOfCallback(answer: JsonText): Outcome {
  try {
    const given = v.parse(Later, parsed(answer));
    if ("error" in given) {
      const code = given.code === null || given.code === undefined ? null : storableText(String(given.code));
      return {
        outcome: "failed",
        error: storableText(given.error),
        code,
        isFinal: given.retryable === false,
        output: "",
      };
    }
    const passback = checkPassback(jsonTextOf(given.result));
    return { outcome: "succeeded", passback, link: linkOf(given.link), output: "" };
  } catch (error) {
    return {
      outcome: "failed",
      error: `the callback cannot be used: ${messageOf(error)}`,
      code: "answer_invalid",
      output: "",
    };
  }
}

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    throw new Error("it is not JSON");
  }
}

function linkOf(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== "string") throw new Error("its link is no text");
  return storableText(value);
}

/** Seconds or a date (RFC 9110, §10.2.3); null if there is none that can be read. */
export function retryAfterOf(header: string | undefined, epochMs = Date.now()): number | null {
  if (header === undefined) return null;
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - epochMs;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), retryAfterMsMax) : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const shown = (text: string): string => storableText(text.slice(0, shownMax));

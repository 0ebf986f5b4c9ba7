/** What a flow could not do, as dead letters: a message with the reason, or a delivery that its sink does not take; and what a redrive reads of one. */
import { createHash } from "node:crypto";
import * as v from "valibot";
import { messageOf } from "../compute/function.ts";
import { storableText } from "../compute/output.ts";
import type { Clock } from "../model/clock.ts";
import { parseJson } from "../model/json.ts";
import { buryFlowLetter } from "../store/flow-letters.ts";
import type { Sql } from "../store/sql.ts";
import { idempotencyKey, type Message, type Position } from "./message.ts";
import type { MessageFault } from "./pipeline.ts";
import type { Delivery } from "./sink.ts";
import { payloadJson } from "./sinks/payload-json.ts";

/** The type of the jobs that redrive a flow's letters: a node that has the flow runs them. */
export const letterType = (flow: string): string => `orrery.flow.${flow}`;

/** Where letters go as well, before they are in the store. */
export interface LetterMirror {
  /** Throws `SetupError` when it cannot be used. */
  check(): Promise<void>;
  /** Resolves once it is durable there; rejects when it is not: then it comes again. */
  write(letter: Delivery): Promise<void>;
  close(): Promise<void>;
}

export interface Letters {
  /** Throws `SetupError`. */
  check(): Promise<void>;
  /** Resolves once it is durable. */
  message(message: Message, fault: MessageFault): Promise<void>;
  /** Resolves once it is durable. */
  delivery(sink: string, delivery: Delivery, reason: string, attempts: number): Promise<void>;
  close(): Promise<void>;
}

export interface LettersParts {
  readonly flow: string;
  readonly sql: Sql;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly mirror: LetterMirror | null;
}

/** Of what a stack and the like may take. */
const outputCharsMax = 64 * 1024;

export function createLetters({ flow, sql, nodeId, clock, mirror }: LettersParts): Letters {
  async function bury(
    key: string,
    origin: Position,
    payload: object,
    { error, output, attempts, isFinal }: { error: string; output: string; attempts: number; isFinal: boolean },
  ): Promise<void> {
    await mirror?.write({ key, origin, payload: { ...payload, error, attempts } });
    await buryFlowLetter(sql, {
      flow,
      key,
      jobType: letterType(flow),
      payload: payloadJson(payload) ?? "null",
      reason: isFinal ? "not_retryable" : "attempts_exhausted",
      error: storableText(error),
      output: storableText(output.slice(0, outputCharsMax)),
      attempts,
      nodeId,
      at: clock.now(),
    });
  }

  return {
    async check() {
      await mirror?.check();
    },
    async close() {
      await mirror?.close();
    },
    async message(message, { stage, error, attempts }) {
      const { partition, id, key, value, timestampMs, headers } = message;
      const text = textOf(value);
      // With its content: a topic that was made anew counts from 0 again.
      const digest = createHash("sha256").update(value).digest("hex");
      await bury(
        digestOf("message", idempotencyKey(message, digest)),
        message,
        { flow, message: { partition, id, key, ...text, timestampMs, headers }, stage },
        {
          error: `${stageWords[stage]}: ${messageOf(error)}`,
          output: error.stack ?? "",
          attempts,
          isFinal: stage === "decode",
        },
      );
    },
    async delivery(sink, { key, origin, payload }, reason, attempts) {
      const kept = payloadJson(payload) === null ? { unsendable: String(payload) } : { payload };
      await bury(
        digestOf("delivery", sink, key),
        origin,
        { flow, delivery: { sink, key, origin, ...kept } },
        { error: `sink "${sink}": ${reason}`, output: "", attempts, isFinal: attempts <= 1 },
      );
    },
  };
}

const stageWords: Readonly<Record<MessageFault["stage"], string>> = {
  decode: "not decoded",
  arrange: "not arranged",
  task: "its task failed",
  complete: "not completed",
  window: "its window was not completed",
};

const digestOf = (...parts: string[]): string => createHash("sha256").update(parts.join("\n")).digest("hex");

function textOf(value: Message["value"]): { readonly text: string } | { readonly base64: string } {
  if (typeof value === "string") return { text: value };
  try {
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value) };
  } catch {
    return { base64: Buffer.from(value).toString("base64") };
  }
}

const origin = v.object({ partition: v.string(), id: v.string() });
const Letter = v.union([
  v.object({
    message: v.object({
      ...origin.entries,
      key: v.nullable(v.string()),
      text: v.optional(v.string()),
      base64: v.optional(v.string()),
      timestampMs: v.number(),
      headers: v.record(v.string(), v.string()),
    }),
  }),
  v.object({ delivery: v.object({ sink: v.string(), key: v.string(), origin, payload: v.unknown() }) }),
]);

export type Letter =
  | { readonly message: Message; readonly delivery: null }
  | { readonly message: null; readonly delivery: Delivery & { readonly sink: string } };

/** Throws when it is no letter of ours. */
export function letterOf(flow: string, payload: string | null): Letter {
  const read = v.parse(Letter, parseJson(payload ?? "null"));
  if ("delivery" in read) return { message: null, delivery: read.delivery };
  const { text, base64, ...message } = read.message;
  const value = text ?? new Uint8Array(Buffer.from(base64 ?? "", "base64"));
  return { message: { ...message, flow, offset: 0, value }, delivery: null };
}

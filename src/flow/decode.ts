/** A message's value as JSON that fits the flow's input schema. */
import { messageOf } from "../compute/function.ts";
import { createCheck } from "../model/json-schema.ts";
import type { Decoded } from "./hooks.ts";
import type { Message } from "./message.ts";

export type Reading =
  | { readonly message: Decoded; readonly fault: null }
  /** It can never be used, however often it is read. */
  | { readonly message: null; readonly fault: string };

/** `schema`: a JSON schema without a flaw (src/model/json-schema.ts); null: any JSON will do. */
export function createDecoder(schema: string | null): (message: Message) => Reading {
  const check = schema === null ? () => null : createCheck(schema);
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  return (message) => {
    let value: unknown;
    try {
      value = JSON.parse(typeof message.value === "string" ? message.value : utf8.decode(message.value));
    } catch (error) {
      return { message: null, fault: `it is not JSON: ${messageOf(error)}` };
    }
    const broken = check(value);
    if (broken !== null) return { message: null, fault: `it does not fit the flow's input: ${broken}` };
    return { message: { ...message, value }, fault: null };
  };
}

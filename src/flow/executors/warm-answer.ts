/** What a warm process says of its task, in one line. */
import { parseJson } from "../../model/json.ts";

export type Answer = { readonly output: unknown } | { readonly error: string };

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Null: the line is no answer, or names the `key` of another task. An error that is no text is shown as JSON. */
export function answerOf(line: Uint8Array, key: string): Answer | null {
  let said: unknown;
  try {
    said = parseJson(utf8.decode(line));
  } catch {
    return null;
  }
  if (typeof said !== "object" || said === null || Array.isArray(said)) return null;
  const { output, error, key: ofKey = key } = said as Record<string, unknown>; // an object of JSON
  if (ofKey !== key || (output === undefined) === (error === undefined)) return null;
  if (error === undefined) return { output };
  return { error: typeof error === "string" ? error : JSON.stringify(error) };
}

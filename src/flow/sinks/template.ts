/** Keys made of a payload: `ship:{ship}:latest`, where what stands in braces is a dotted path into it. */
import * as v from "valibot";
import { payloadJson } from "./payload-json.ts";
import { valueAt } from "./payload-path.ts";

const keyCharsMax = 1024;
const placeholder = /\{([^{}]*)\}/g;

export const keyTemplate = v.pipe(
  v.string(),
  v.nonEmpty(),
  v.maxLength(keyCharsMax),
  v.check((template) => {
    const paths = [...template.matchAll(placeholder)].map(([, path = ""]) => path.split("."));
    return paths.every((path) => path.every((part) => part !== "")) && !/[{}]/.test(template.replace(placeholder, ""));
  }, "braces stand around the path of a field only, such as {ship} or {orbit.number}"),
);

/** The key of this payload, or why it has none. The reason names paths and never shows a value. */
export function keyOf(template: string, payload: unknown): { readonly key: string } | { readonly flaw: string } {
  const flaws: string[] = [];
  const key = template.replace(placeholder, (_, path: string) => {
    const text = textOf(valueAt(payload, path.split(".")));
    if (text === null) flaws.push(`its payload has no text, number or boolean at ${path}, which the key needs`);
    return text ?? "";
  });
  if (key.length > keyCharsMax) flaws.push(`its key would have more than ${keyCharsMax} characters`);
  const [flaw] = flaws;
  return flaw === undefined ? { key } : { flaw };
}

/** Null as well for an empty text, and for one that UTF-8 cannot hold: two of those would be one key. */
function textOf(value: unknown): string | null {
  if (typeof value === "string") return value !== "" && value.isWellFormed() ? value : null;
  // Numbers that a double cannot hold are objects here, which have their digits as JSON text.
  const text = payloadJson(value) ?? "";
  return /^(-?\d[\d.eE+-]*|true|false)$/.test(text) ? text : null;
}

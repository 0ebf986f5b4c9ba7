/** Arguments of a command that are made of a task's input: `--ship={ship.id}`, where what stands in braces is a dotted path into it. */
import * as v from "valibot";
import { valueAt } from "../sinks/payload-path.ts";

/** Its text, and the paths of what stands between. */
export type Argument = readonly (string | readonly string[])[];

/** No spaces, quotes or calls: braces of a script that stand for themselves are found at the start, not by each task. */
const fieldName = /^[\p{L}\p{N}_$@:-]+$/u;
const token = /\{\{|\}\}|\{([^{}]*)\}|[{}]/g;

export const argument = v.pipe(
  v.string(),
  v.check((text) => !text.includes("\0"), "no argument can hold a NUL"),
  v.check(
    (text) => partsOf(text) !== null,
    "braces stand around the path of a field only, such as {ship} or {orbit.number}: write {{ and }} for braces",
  ),
);

/** `text`: as `argument` has checked it. */
export function argumentOf(text: string): Argument {
  const parts = partsOf(text);
  if (parts === null) throw new Error("there are braces in it that belong to no path");
  return parts;
}

export const hasPath = (parts: Argument): boolean => parts.some((part) => typeof part !== "string");

/** Throws when the input lacks one of its fields. The reason names the path and never shows a value. */
export function fillArgument(parts: Argument, input: unknown): string {
  return parts.map((part) => (typeof part === "string" ? part : textAt(input, part))).join("");
}

/** Null: a brace stands alone, or what stands in braces is no path. */
function partsOf(text: string): Argument | null {
  const parts: (string | readonly string[])[] = [];
  let at = 0;
  for (const { 0: found, 1: path, index } of text.matchAll(token)) {
    parts.push(text.slice(at, index));
    at = index + found.length;
    if (path === undefined) {
      if (found.length === 1) return null;
      parts.push(found.slice(1));
      continue;
    }
    const names = path.split(".");
    if (!names.every((name) => fieldName.test(name))) return null;
    parts.push(names);
  }
  return [...parts, text.slice(at)];
}

function textAt(input: unknown, path: readonly string[]): string {
  const value = valueAt(input, path);
  if (typeof value === "string") {
    if (value.includes("\0") || !value.isWellFormed())
      throw new Error(`its input has text at ${path.join(".")} that no argument can hold`);
    return value;
  }
  // Numbers that a double cannot hold are objects, which have their digits as JSON text.
  const text = JSON.stringify(value) ?? "";
  if (/^(-?\d[\d.eE+-]*|true|false)$/.test(text)) return text;
  throw new Error(`its input has no text, number or boolean at ${path.join(".")}, which its command needs`);
}

/** What a schema may say (json-schema.ts), checked before anything is checked by it. */
import { type JsonText, parseJson } from "./json.ts";

/** What is wrong with a schema, and where: `properties.rows.minimum`. */
export interface SchemaFlaw {
  readonly at: string;
  readonly why: string;
}

export const schemaLengthMax = 16_384;
const depthMax = 32;

export type Schema = boolean | { readonly [keyword: string]: unknown };
type Shape = "schema" | "schemas" | "named schemas" | "count" | "number" | "names" | "types" | "list" | "any";

/** Each keyword, and what its value must be. Those that only describe are `any`. */
const keywords: Readonly<Record<string, Shape>> = {
  type: "types",
  enum: "list",
  const: "any",
  minimum: "number",
  maximum: "number",
  exclusiveMinimum: "number",
  exclusiveMaximum: "number",
  minLength: "count",
  maxLength: "count",
  required: "names",
  properties: "named schemas",
  additionalProperties: "schema",
  minProperties: "count",
  maxProperties: "count",
  items: "schema",
  contains: "schema",
  minItems: "count",
  maxItems: "count",
  allOf: "schemas",
  anyOf: "schemas",
  oneOf: "schemas",
  not: "schema",
  $schema: "any",
  $comment: "any",
  title: "any",
  description: "any",
  default: "any",
  examples: "any",
};

const types = ["null", "boolean", "object", "array", "number", "integer", "string"];

/** Null when `text` is a schema that `brokenRule` can use. */
export function schemaFlaw(text: JsonText): SchemaFlaw | null {
  if (text.length > schemaLengthMax) return { at: "", why: `it is longer than ${schemaLengthMax} characters` };
  let schema: unknown;
  try {
    schema = parseJson(text);
  } catch (error) {
    return { at: "", why: `it is not JSON: ${error instanceof Error ? error.message : error}` };
  }
  return flawOf(schema, [], 0);
}

function flawOf(schema: unknown, path: readonly string[], depth: number): SchemaFlaw | null {
  const at = path.join(".");
  if (typeof schema === "boolean") return null;
  if (!isObject(schema)) return { at, why: "a schema is needed: an object, true or false" };
  if (depth > depthMax) return { at, why: `it is nested deeper than ${depthMax} schemas` };
  for (const [keyword, value] of Object.entries(schema)) {
    const inner = [...path, keyword];
    const shape = Object.hasOwn(keywords, keyword) ? keywords[keyword] : undefined;
    if (shape === undefined) return { at: inner.join("."), why: `this keyword is not supported: known are ${known}` };
    const flaw = shapeFlaw(shape, value, inner, depth);
    if (flaw !== null) return flaw;
  }
  return null;
}

const known = Object.entries(keywords)
  .filter(([, shape]) => shape !== "any")
  .map(([keyword]) => keyword)
  .join(", ");

function shapeFlaw(shape: Shape, value: unknown, path: readonly string[], depth: number): SchemaFlaw | null {
  const flaw = (why: string): SchemaFlaw => ({ at: path.join("."), why });
  const first = (inner: readonly (readonly [string, unknown])[]): SchemaFlaw | null => {
    for (const [name, schema] of inner) {
      const found = flawOf(schema, [...path, name], depth + 1);
      if (found !== null) return found;
    }
    return null;
  };
  switch (shape) {
    case "schema":
      return flawOf(value, path, depth + 1);
    case "schemas":
      if (!Array.isArray(value) || value.length === 0) return flaw("a list of schemas is needed");
      return first(value.map((schema, i): [string, unknown] => [String(i), schema]));
    case "named schemas":
      return isObject(value) ? first(Object.entries(value)) : flaw("an object of schemas is needed");
    case "count":
      return Number.isInteger(value) && Number(value) >= 0 ? null : flaw("a whole number from 0 on is needed");
    case "number":
      return typeof value === "number" ? null : flaw("a number is needed, of at most 15 digits");
    case "names":
      return isNames(value) ? null : flaw("a list of names is needed");
    case "types":
      return (Array.isArray(value) ? value : [value]).every((type) => types.includes(type))
        ? null
        : flaw(`one of ${types.join(", ")}, or a list of them, is needed`);
    case "list":
      return Array.isArray(value) ? null : flaw("a list is needed");
    case "any":
      return null;
    default:
      return shape satisfies never;
  }
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isNames = (value: unknown): boolean => Array.isArray(value) && value.every((name) => typeof name === "string");

/**
 * A bounded part of JSON Schema (draft 2020-12), by which a plan says what a passback must be like. Our own, as it runs inside a
 * turn: no references, no regular expressions (a publisher's could hold a node for hours), a bound on every walk, and a keyword
 * that is not known is refused when the plan is published rather than passed over when it matters.
 */
import { type JsonText, parseJson } from "./json.ts";

/** What is wrong with a schema, and where: `properties.rows.minimum`. */
export interface SchemaFlaw {
  readonly at: string;
  readonly why: string;
}

export const schemaLengthMax = 16_384;
const depthMax = 32;
/** Of a passback that is checked, in UTF-16 units. */
const valueLengthMax = 4 * 1024 * 1024;
/** Values looked at, of schema and passback together. */
const stepsMax = 100_000;

type Schema = boolean | { readonly [keyword: string]: unknown };
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

/** Why `passback` is not as `schema` says: "rows must be at least 1"; null when it is. Null and absent passbacks are alike. */
export function brokenRule(schema: JsonText, passback: JsonText | null): string | null {
  const flaw = schemaFlaw(schema);
  if (flaw !== null) return `its check cannot be used: ${flaw.at === "" ? "" : `${flaw.at}: `}${flaw.why}`;
  if (passback !== null && passback.length > valueLengthMax) return "it is too long to be checked";
  try {
    // Digits beyond a double's do not count here: a check compares, it stores nothing.
    return new Check().broken(JSON.parse(schema) as Schema, JSON.parse(passback ?? "null"), ""); // no flaw: it is a schema
  } catch (error) {
    if (error === tooManySteps) return `its check takes more than ${stepsMax} steps`;
    throw error;
  }
}

const tooManySteps = new Error("too many steps");

class Check {
  #steps = 0;

  broken(schema: Schema, value: unknown, at: string): string | null {
    this.#step(1);
    const its = at === "" ? "it" : at;
    if (schema === true) return null;
    if (schema === false) return `${its} may not be there`;
    for (const [keyword, rule] of Object.entries(schema)) {
      const why = this.#keyword(keyword, rule, schema, value, at);
      if (why !== null) return why.startsWith(" ") ? its + why : why;
    }
    return null;
  }

  /** What is wrong, whole or, when it begins with a space, as what `at` must be. The schema has no flaw, so its values are as they should be. */
  #keyword(keyword: string, rule: unknown, schema: Schema, value: unknown, at: string): string | null {
    switch (keyword) {
      case "type": {
        const wanted = Array.isArray(rule) ? rule : [rule];
        return wanted.some((type) => isOf(type, value)) ? null : ` must be ${wanted.join(" or ")}`;
      }
      case "enum":
        return (rule as unknown[]).some((one) => this.#same(one, value)) ? null : ` must be one of ${brief(rule)}`;
      case "const":
        return this.#same(rule, value) ? null : ` must be ${brief(rule)}`;
      case "minimum":
        return typeof value !== "number" || value >= Number(rule) ? null : ` must be at least ${rule}`;
      case "maximum":
        return typeof value !== "number" || value <= Number(rule) ? null : ` must be at most ${rule}`;
      case "exclusiveMinimum":
        return typeof value !== "number" || value > Number(rule) ? null : ` must be more than ${rule}`;
      case "exclusiveMaximum":
        return typeof value !== "number" || value < Number(rule) ? null : ` must be less than ${rule}`;
      case "minLength":
        return typeof value !== "string" || lengthOf(value) >= Number(rule)
          ? null
          : ` must have ${rule} characters or more`;
      case "maxLength":
        return typeof value !== "string" || lengthOf(value) <= Number(rule)
          ? null
          : ` must have at most ${rule} characters`;
      case "allOf":
        return this.#first(rule as Schema[], value, at);
      case "anyOf":
        return (rule as Schema[]).some((one) => this.broken(one, value, at) === null) ? null : " fits none of anyOf";
      case "oneOf": {
        const fitting = (rule as Schema[]).filter((one) => this.broken(one, value, at) === null).length;
        return fitting === 1 ? null : ` fits ${fitting} of oneOf, not one`;
      }
      case "not":
        return this.broken(rule as Schema, value, at) !== null ? null : " is what it must not be";
      default:
        if (Array.isArray(value)) return this.#ofArray(keyword, rule, value, at);
        return isObject(value) ? this.#ofObject(keyword, rule, schema, value, at) : null;
    }
  }

  #ofArray(keyword: string, rule: unknown, value: unknown[], at: string): string | null {
    switch (keyword) {
      case "minItems":
        return value.length >= Number(rule) ? null : ` must have ${rule} items or more`;
      case "maxItems":
        return value.length <= Number(rule) ? null : ` must have at most ${rule} items`;
      case "contains":
        return value.some((item) => this.broken(rule as Schema, item, at) === null) ? null : " lacks an item that fits";
      case "items":
        for (const [i, item] of value.entries()) {
          const why = this.broken(rule as Schema, item, join(at, String(i)));
          if (why !== null) return why;
        }
        return null;
      default:
        return null;
    }
  }

  #ofObject(keyword: string, rule: unknown, schema: Schema, value: object, at: string): string | null {
    switch (keyword) {
      case "required": {
        const missing = (rule as string[]).find((name) => !Object.hasOwn(value, name));
        return missing === undefined ? null : `${join(at, missing)} is missing`;
      }
      case "minProperties":
        return Object.keys(value).length >= Number(rule) ? null : ` must have ${rule} members or more`;
      case "maxProperties":
        return Object.keys(value).length <= Number(rule) ? null : ` must have at most ${rule} members`;
      case "properties":
      case "additionalProperties": {
        const named = keyword === "properties" ? rule : typeof schema === "object" ? schema.properties : undefined;
        const known = isObject(named) ? named : {};
        for (const [name, member] of Object.entries(value)) {
          this.#step(1);
          const isKnown = Object.hasOwn(known, name);
          if (isKnown !== (keyword === "properties")) continue;
          const why = this.broken((isKnown ? known[name] : rule) as Schema, member, join(at, name));
          if (why !== null) return why;
        }
        return null;
      }
      default:
        return null;
    }
  }

  #first(schemas: readonly Schema[], value: unknown, at: string): string | null {
    for (const schema of schemas) {
      const why = this.broken(schema, value, at);
      if (why !== null) return why;
    }
    return null;
  }

  #same(one: unknown, other: unknown): boolean {
    this.#step(1);
    if (Array.isArray(one)) {
      return Array.isArray(other) && one.length === other.length && one.every((item, i) => this.#same(item, other[i]));
    }
    if (!isObject(one)) return one === other;
    if (!isObject(other)) return false;
    const names = Object.keys(one);
    if (names.length !== Object.keys(other).length) return false;
    return names.every((name) => Object.hasOwn(other, name) && this.#same(one[name], other[name]));
  }

  #step(count: number): void {
    this.#steps += count;
    if (this.#steps > stepsMax) throw tooManySteps;
  }
}

function isOf(type: unknown, value: unknown): boolean {
  if (type === "integer") return Number.isInteger(value);
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  return type === "object" ? isObject(value) : typeof value === type;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isNames = (value: unknown): boolean => Array.isArray(value) && value.every((name) => typeof name === "string");

/** In characters as people count them, so far as code points are that. */
function lengthOf(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

const join = (at: string, name: string): string => (at === "" ? name.slice(0, 64) : `${at}.${name.slice(0, 64)}`);

function brief(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

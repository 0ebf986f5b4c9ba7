/**
 * A bounded part of JSON Schema (draft 2020-12), by which a plan says what a passback must be like. Our own, as it runs inside a
 * turn: no references, no regular expressions (a publisher's could hold a node for hours), a bound on every walk, and a keyword
 * that is not known is refused when the plan is published rather than passed over when it matters.
 */
import type { JsonText } from "./json.ts";
import { isObject, type Schema, schemaFlaw } from "./json-schema-flaw.ts";

/** Of a passback that is checked, in UTF-16 units. */
const valueLengthMax = 4 * 1024 * 1024;
/** Values looked at, of schema and passback together. */
const stepsMax = 100_000;

/** Why `passback` is not as `schema` says: "rows must be at least 1"; null when it is. Null and absent passbacks are alike. */
export function brokenRule(schema: JsonText, passback: JsonText | null): string | null {
  const flaw = schemaFlaw(schema);
  if (flaw !== null) return `its check cannot be used: ${flaw.at && `${flaw.at}: `}${flaw.why}`;
  if (passback !== null && passback.length > valueLengthMax) return "it is too long to be checked";
  // Digits beyond a double's do not count here: a check compares, it stores nothing.
  return createCheck(schema)(JSON.parse(passback ?? "null"));
}

/** A check of parsed values by a schema without a flaw, made once for many: as `brokenRule` says. */
export function createCheck(schema: JsonText): (value: unknown) => string | null {
  const parsed = JSON.parse(schema) as Schema; // no flaw: it is a schema
  return (value) => new Check().brokenOf(parsed, value);
}

const tooManySteps = new Error("too many steps");

class Check {
  #steps = 0;

  brokenOf(schema: Schema, value: unknown): string | null {
    try {
      return this.broken(schema, value, "");
    } catch (error) {
      if (error === tooManySteps) return `its check takes more than ${stepsMax} steps`;
      throw error;
    }
  }

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

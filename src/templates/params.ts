/** Parameters of a run: their types, defaults and bounds, and how they reach a command as environment variables. */
import { InvalidFieldError } from "../model/errors.ts";
import { parseUuid } from "../model/ids.ts";
import { parseJson } from "../model/json.ts";
import { textOf } from "./placeholders.ts";
import type { Param, Template } from "./templates.ts";

export type Params = Readonly<Record<string, unknown>>;

/** Every product carries the parameters, so they are kept small. */
const paramsBytesMax = 64 * 1024;

export const paramNameShape = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;

/**
 * What a run goes by: `given`, each as its type says, and the defaults of the others. A text is read as a number or a yes and no
 * where one is needed, as command lines have nothing but texts. `strict`: one that is not declared is refused, if any is typed;
 * else it is kept, as passes hand over what they know. Throws `InvalidFieldError` naming `params.<name>`.
 */
export function completedParams(template: Pick<Template, "id" | "params">, given: Params, strict = false): Params {
  const { id, params: declared } = template;
  // No prototype: a parameter named __proto__ is one like any other.
  const params: Record<string, unknown> = Object.create(null);
  const isTyped = [...declared.values()].some(({ type }) => type !== "json");
  for (const [name, value] of Object.entries(given)) {
    const param = declared.get(name);
    if (param === undefined && strict && isTyped) {
      const known = [...declared.keys()].join(", ");
      throw new InvalidFieldError(`params.${name}`, `template "${id}" has no such parameter: it has ${known}`);
    }
    params[name] = param === undefined ? value : typed(param, value, `params.${name}`);
  }
  for (const [name, param] of declared) {
    if (Object.hasOwn(given, name)) continue;
    if (param.default !== null) params[name] = parseJson(param.default);
    else if (param.required) throw new InvalidFieldError(`params.${name}`, `template "${id}" needs it`);
  }
  const sizeBytes = Buffer.byteLength(JSON.stringify(params));
  if (sizeBytes > paramsBytesMax)
    throw new InvalidFieldError("params", `they have ${sizeBytes} bytes, at most ${paramsBytesMax} are taken`);
  return params;
}

/** The pass that a run is made of; null: its parameters name none. */
export function passIdOf(params: Params): string | null {
  const { pass } = params;
  const id = typeof pass === "object" && pass !== null && "id" in pass ? pass.id : null;
  return typeof id === "string" ? parseUuid(id) : null;
}

/** Throws `InvalidFieldError` where a task requires completeness and there is no pass whose it could be. */
export function requirePass({ id, tasks }: Pick<Template, "id" | "tasks">, params: Params): void {
  const gate = tasks.find(({ kind }) => kind === "require");
  if (gate === undefined || passIdOf(params) !== null) return;
  throw new InvalidFieldError(
    "params.pass",
    `template "${id}" requires completeness of a pass (${gate.id}), and this run has none: let a pass end with this template, or name one as {"pass": {"id": "…"}}`,
  );
}

function typed(param: Param, value: unknown, field: string): unknown {
  const taken = valueOfType(param, value);
  if (taken !== undefined) return taken;
  const shown = JSON.stringify(value)?.slice(0, 64);
  throw new InvalidFieldError(field, `${neededOf(param)} is needed, ${shown} was given`);
}

export function neededOf({ type, values }: Pick<Param, "type" | "values">): string {
  switch (type) {
    case "string":
      return "text";
    case "integer":
      return "a whole number";
    case "number":
      return "a number";
    case "boolean":
      return "true or false";
    case "date":
      return "a date such as 2026-01-31";
    case "datetime":
      return "a time such as 2026-01-31T10:20:30Z";
    case "enum":
      return `one of ${values.join(", ")}`;
    case "json":
      return "a JSON value";
    default:
      throw type satisfies never;
  }
}

/** The value as its type has it; undefined: it is not of the type. */
export function valueOfType({ type, values }: Pick<Param, "type" | "values">, value: unknown): unknown {
  switch (type) {
    case "json":
      return value;
    case "string":
      return typeof value === "string" ? value : undefined;
    case "enum":
      return values.includes(textOf(value)) ? textOf(value) : undefined;
    case "boolean":
      return typeof value === "boolean" ? value : value === "true" ? true : value === "false" ? false : undefined;
    case "integer":
      return numberOf(value, /^-?(0|[1-9]\d{0,30})$/, Number.isInteger);
    case "number":
      return numberOf(value, /^-?(0|[1-9]\d{0,30})(\.\d{1,30})?([eE][+-]?\d{1,3})?$/, Number.isFinite);
    case "date":
      return typeof value === "string" && isDate(value) ? value : undefined;
    case "datetime":
      return typeof value === "string" && isDatetime(value) ? value : undefined;
    default:
      throw type satisfies never;
  }
}

/** Of a text, or of a number that keeps its digits, what it says; read again so that no digit is lost. */
function numberOf(value: unknown, shape: RegExp, isRight: (value: number) => boolean): unknown {
  if (typeof value === "number") return isRight(value) ? value : undefined;
  const text = typeof value === "string" ? value : typeof value === "object" ? JSON.stringify(value) : "";
  return shape.test(text) ? parseJson(text) : undefined;
}

export function isDate(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const epochMs = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(epochMs) && new Date(epochMs).toISOString().startsWith(text);
}

const datetimeShape = /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

export function isDatetime(text: string): boolean {
  const day = datetimeShape.exec(text)?.[1];
  return day !== undefined && isDate(day) && !Number.isNaN(Date.parse(text));
}

/** `ORRERY_PARAM_DAY` for `day`: what a command reads instead of having it spliced into its line. */
export const paramVariable = (name: string): string => `ORRERY_PARAM_${name.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`;

export function paramEnvironment(params: Params): Record<string, string> {
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [paramVariable(name), textOf(value)]));
}

/**
 * Placeholders: `{{ params.x }}` and `{{ tick.date }}` in values. A text that is one placeholder becomes the value itself; inside
 * a longer text it becomes the value's text. Replaced once: what a value holds is never looked at again.
 */

/** `{{ params.pass.id }}` → scope `params`, path `["pass", "id"]`. */
export interface Placeholder {
  readonly scope: string;
  readonly path: readonly string[];
  readonly text: string;
}

const pattern = /\{\{\s*([A-Za-z_][\w-]*)((?:\s*\.\s*[A-Za-z0-9_][\w-]*)*)\s*\}\}/g;
const whole = new RegExp(`^\\s*${pattern.source}\\s*$`);

/** Whether a text looks as if it wanted one, well-formed or not. */
export const hasBraces = (text: string): boolean => text.includes("{{");

export function placeholdersOf(text: string): Placeholder[] {
  return [...text.matchAll(pattern)].map(([found, scope = "", path = ""]) => ({
    scope,
    path: segments(path),
    text: found,
  }));
}

const segments = (path: string): string[] =>
  path
    .split(".")
    .map((part) => part.trim())
    .filter((part) => part !== "");

/** Calls `see` for each text in a JSON value, with the keys that lead to it. Keys of objects are not values. */
export function eachText(value: unknown, see: (text: string, keys: (string | number)[]) => void): void {
  const walk = (at: unknown, keys: (string | number)[]): void => {
    if (typeof at === "string") see(at, keys);
    else if (Array.isArray(at)) for (const [i, item] of at.entries()) walk(item, [...keys, i]);
    else if (isPlain(at)) for (const [key, item] of Object.entries(at)) walk(item, [...keys, key]);
  };
  walk(value, []);
}

export type Scopes = Readonly<Record<string, unknown>>;

/** A copy of a JSON value with every placeholder replaced. One of a scope that is not given stays as it is. */
export function filled(value: unknown, scopes: Scopes): unknown {
  if (typeof value === "string") return filledText(value, scopes);
  if (Array.isArray(value)) return value.map((item) => filled(item, scopes));
  if (!isPlain(value)) return value;
  // No prototype: a key __proto__ is one like any other.
  const copy: Record<string, unknown> = Object.create(null);
  for (const [key, item] of Object.entries(value)) copy[key] = filled(item, scopes);
  return copy;
}

function filledText(text: string, scopes: Scopes): unknown {
  if (!hasBraces(text)) return text;
  const only = whole.exec(text);
  if (only !== null && Object.hasOwn(scopes, only[1] ?? ""))
    return valueAt(scopes[only[1] ?? ""], segments(only[2] ?? "")) ?? null;
  return plainText(text, scopes);
}

/** The same as text in any case: for arguments, environments, addresses. `encode` is applied to each value. */
export function plainText(text: string, scopes: Scopes, encode: (value: string) => string = (value) => value): string {
  return text.replace(pattern, (found, scope: string, path: string) =>
    Object.hasOwn(scopes, scope) ? encode(textOf(valueAt(scopes[scope], segments(path)))) : found,
  );
}

/** How a value stands in a text: text as it is, nothing as nothing, all else as JSON. */
export function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

export function valueAt(value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<string, unknown>)[key]; // it is an object that has the key
  }
  return at;
}

/** An object of JSON, not a number that keeps its digits (`JSON.rawJSON`). */
function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !("rawJSON" in value && Object.isFrozen(value));
}

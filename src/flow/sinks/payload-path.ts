/** What a payload holds at a path of names. */

/** Undefined where the path leads nowhere. Own fields only: what every object inherits is no payload's. */
export function valueAt(payload: unknown, path: readonly string[]): unknown {
  let value = payload;
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name]; // an object that has it
  }
  return value;
}

/** Parts of a YAML file checked by schemas: the first fault is thrown with file, line and column, and names the keys that are known. */
import * as v from "valibot";
import { issueText } from "../model/schema-issue.ts";
import type { Keys, YamlSource } from "../templates/yaml-source.ts";

type Schema = v.GenericSchema;

/** Throws `TemplateFaultError`. `at`: where `value` stands in the file. */
export function checkedYaml<Wanted extends Schema>(
  yaml: YamlSource,
  schema: Wanted,
  value: unknown,
  at: Keys = [],
): v.InferOutput<Wanted> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const keys = (issue.path ?? []).map((item) => item.key as string | number); // our schemas have no other keys
  const place = [...at, ...keys];
  throw yaml.error(
    place,
    issueText(issue, place, () => knownKeys(schema, keys.slice(0, -1))),
  );
}

/** The keys of the object that stands at `keys` by the schema; what valibot's schemas are made of is walked by its public fields. */
function knownKeys(schema: unknown, keys: Keys): string[] {
  let at = schema as { entries?: Record<string, unknown>; wrapped?: unknown; value?: unknown; pipe?: unknown[] };
  for (const key of [...keys, null]) {
    while (at?.entries === undefined && (at?.wrapped ?? at?.pipe?.[0]) !== undefined)
      at = (at.wrapped ?? at.pipe?.[0]) as typeof at;
    if (key === null) break;
    at = (at?.entries?.[key] ?? at?.value) as typeof at;
  }
  return Object.keys(at?.entries ?? {});
}

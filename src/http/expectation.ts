/** What a published product is expected to be, beyond the contract: `deadline` or `deadline_s`, and `check`. */
import { InvalidRequestError } from "../model/errors.ts";
import { jsonTextOf } from "../model/json.ts";
import { schemaFlaw } from "../model/json-schema-flaw.ts";
import type { PublishedProduct } from "../model/plan.ts";
import { checked } from "./check.ts";
import type { PlanSchemas } from "./schemas.ts";

/** Null when nothing is expected, as of nearly every product: then the schema is not even asked. `at` is the item's place in the body. */
export function readExpectation(
  schema: PlanSchemas["ExpectedItem"],
  item: unknown,
  at: string,
): Pick<PublishedProduct, "check" | "deadlineAt" | "deadlineS"> | null {
  if (!hasAny(item)) return null;
  const { deadline = null, deadline_s = null, check = null } = checked(schema, item, at);
  if (deadline !== null && deadline_s !== null) {
    const field = `${at}.deadline_s`;
    throw new InvalidRequestError(`${field}: either deadline or deadline_s is needed, not both`, field);
  }
  const text = jsonTextOf(check);
  const flaw = text === null ? null : schemaFlaw(text);
  if (flaw !== null) {
    const field = flaw.at === "" ? `${at}.check` : `${at}.check.${flaw.at}`;
    throw new InvalidRequestError(`${field}: ${flaw.why}`, field);
  }
  return { deadlineAt: deadline, deadlineS: deadline_s, check: text };
}

/** The item was found to be an object before. */
function hasAny(item: unknown): boolean {
  const { deadline, deadline_s, check } = item as { deadline?: unknown; deadline_s?: unknown; check?: unknown };
  return (deadline ?? deadline_s ?? check ?? null) !== null;
}

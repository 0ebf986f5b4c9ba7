/** What a published product is expected to be, beyond the contract: `deadline` or `deadline_s`, and `check`. */
import type { Instant } from "../model/clock.ts";
import { InvalidRequestError } from "../model/errors.ts";
import { jsonTextOf } from "../model/json.ts";
import { schemaFlaw } from "../model/json-schema.ts";
import type { PublishedProduct } from "../model/plan.ts";

interface Given {
  readonly deadline?: Instant | null | undefined;
  readonly deadline_s?: number | null | undefined;
  readonly check?: unknown;
}

/** Null when nothing is expected, as of nearly every product. `at` is the product's place in the body. */
export function readExpectation(
  { deadline = null, deadline_s = null, check = null }: Given,
  at: string,
): Pick<PublishedProduct, "check" | "deadlineAt" | "deadlineS"> | null {
  if (deadline === null && deadline_s === null && check === null) return null;
  if (deadline !== null && deadline_s !== null) {
    const field = `${at}.deadline_s`;
    throw new InvalidRequestError(`${field}: either deadline or deadline_s is needed, not both`, field);
  }
  const schema = jsonTextOf(check);
  const flaw = schema === null ? null : schemaFlaw(schema);
  if (flaw !== null) {
    const field = flaw.at === "" ? `${at}.check` : `${at}.check.${flaw.at}`;
    throw new InvalidRequestError(`${field}: ${flaw.why}`, field);
  }
  return { deadlineAt: deadline, deadlineS: deadline_s, check: schema };
}

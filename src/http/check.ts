/** Checks parsed JSON against zod schemas, ends at the first fault, and says where and what it is. */
import { z } from "@hono/zod-openapi";
import { InvalidRequestError } from "../model/errors.ts";
import { parseUuid, type Uuid } from "../model/ids.ts";

/** Throws `InvalidRequestError` naming the field (`data_products.3.name`) and the reason. `at` is the field that `value` stands in. */
export function checked<Schema extends z.ZodType>(schema: Schema, value: unknown, at = ""): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = [at, ...(issue?.path ?? [])].filter((part) => part !== "").join(".");
  throw fault(field, issue?.message.replace(/^Invalid input: /, "") ?? "it is not as described");
}

/** Item by item, so that a list of a million wrong ones costs one error and not a million. */
export function checkedList<Item extends z.ZodType>(item: Item, value: unknown, at = ""): z.output<Item>[] {
  if (!Array.isArray(value)) throw fault(at, "expected array");
  const list: z.output<Item>[] = [];
  for (let i = 0; i < value.length; i++) {
    const result = item.safeParse(value[i]);
    list.push(result.success ? result.data : checked(item, value[i], at === "" ? `${i}` : `${at}.${i}`));
  }
  return list;
}

const fault = (field: string, reason: string): InvalidRequestError =>
  field === ""
    ? new InvalidRequestError(`The body is invalid: ${reason}`)
    : new InvalidRequestError(`${field}: ${reason}`, field);

/** Text as it can be stored: no NUL, no half of a surrogate pair. Those would come back as something else. */
export const text = z.string().refine(isStorable, "text holds a NUL or half of a surrogate pair");

/** A uuid in any letter case, with or without hyphens; read as the lower-case hyphenated one. */
export const uuid = z
  .string()
  .transform((given, context): Uuid => {
    const id = parseUuid(given);
    if (id !== null) return id;
    context.addIssue({ code: "custom", message: `"${given.slice(0, 64)}" is no uuid` });
    return z.NEVER;
  })
  .openapi({ type: "string", format: "uuid" });

/** Any JSON value; absent and null are alike. */
export const anyJson = z.unknown().optional().openapi({ description: "Any JSON value. Absent means null." });

/** The uuid in a path; 400 otherwise. */
export function pathUuid(name: string, given: string | undefined): Uuid {
  const id = parseUuid(given ?? "");
  if (id === null)
    throw new InvalidRequestError(`${name}: "${(given ?? "").slice(0, 64)}" in the path is no uuid`, name);
  return id;
}

function isStorable(given: string): boolean {
  return !given.includes("\u0000") && given.isWellFormed();
}

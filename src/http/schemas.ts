/** The contract's schemas (CONTRACT.md §3), for the document and for the checks. Answers are described only: we write them ourselves. */
import { z } from "@hono/zod-openapi";
import { productStates } from "../model/plan.ts";
import { planRoles } from "../model/service.ts";
import { anyJson, text, uuid } from "./check.ts";
import { dateTime } from "./date.ts";

export const id = z.string().openapi({ format: "uuid" });
export const date = z.string().openapi({ format: "date-time", example: "2026-01-31T10:20:30.123456+00:00" });

export const State = z.enum(productStates).openapi("State");
const RoleName = z.enum(planRoles).openapi("Role");

export const Login = z.object({ service: text, key: text }).openapi("Login");

export const Authenticated = z
  .object({
    access_token: z.string(),
    token_type: z.string().openapi({ example: "Bearer" }),
    service: z.string(),
    roles: z.array(RoleName),
    issued: z.int().openapi({ description: "Unix seconds" }),
    expires: z.int().openapi({ description: "Unix seconds" }),
    ttl: z.int().openapi({ description: "Seconds" }),
    issued_by: z.string(),
  })
  .openapi("Authenticated");

/** An object whose every field is always there: the library would call a field of any JSON optional. */
const whole = (name: string, shape: z.core.$ZodLooseShape) =>
  z.object(shape).openapi(name, { required: Object.keys(shape) });

const stamps = { modified_by: z.string(), modified_date: date };

const Dataset = whole("Dataset", { id, paused: z.boolean(), extra: anyJson, ...stamps });

const Dependency = whole("Dependency", { parent_id: id, child_id: id, extra: anyJson, ...stamps });

const SearchRow = whole("SearchRow", { dataset_id: id, extra: anyJson, modified_date: date });

export const SearchReturn = z
  .object({ rows: z.array(SearchRow), next_page: z.int().nullable() })
  .openapi("SearchReturn");

/** The query of a search, for the document. */
export const SearchQuery = z.object({
  search_by: z.string().openapi({ description: "Found in the dataset's id and its extra, in any letter case" }),
  page: z.string().openapi({ type: "integer", minimum: 0, maximum: 4_294_967_295 }),
  in: z.enum(["products"]).optional().openapi({ description: "Finds the names of products too" }),
  limit: z.string().optional().openapi({ type: "integer", minimum: 1, maximum: 200, default: 50 }),
});

export const StateParam = z
  .object({
    id: uuid,
    state: State,
    run_id: uuid.nullish().openapi({ type: ["string", "null"] }),
    link: text.nullish(),
    passback: anyJson,
  })
  .openapi("StateParam");

export const ProductIds = z
  .array(uuid)
  .openapi("ProductIds", { type: "array", items: { type: "string", format: "uuid" } });

/** Ten years. */
const deadlineSecondsMax = 315_360_000;

/** What names computes: those of the configuration beside the contract's two. */
export function planSchemas(computes: readonly string[]) {
  const [first = "cams", ...others] = computes;
  const Compute = z.enum([first, ...others]).openapi("Compute");
  const expected = {
    deadline: dateTime.nullish().openapi({
      type: ["string", "null"],
      format: "date-time",
      description: "Beyond the contract: an alarm is raised unless the product is success by then",
    }),
    deadline_s: z
      .number()
      .min(0)
      .max(deadlineSecondsMax)
      .nullish()
      .openapi({ description: "The same, in seconds after this publication" }),
    check: anyJson.openapi({
      description:
        "Beyond the contract: a JSON Schema, without references and patterns, that the passback of a success must fit",
    }),
  };
  const definition = { id: uuid, name: text, version: text, eager: z.boolean(), passthrough: anyJson, extra: anyJson };
  /** As it is checked: whether the compute is known is told by an error that lists the known ones. */
  const ProductItem = z.object({ ...definition, compute: text });
  /** Apart, as few products have any of it. */
  const ExpectedItem = z.object(expected);
  const ProductParam = z.object({ ...definition, ...expected, compute: Compute }).openapi("DataProductParam");
  const DependencyParam = z.object({ parent_id: uuid, child_id: uuid, extra: anyJson }).openapi("DependencyParam");
  const DatasetParam = z.object({ id: uuid, extra: anyJson }).openapi("DatasetParam");
  const PlanParam = z
    .object({ dataset: DatasetParam, data_products: z.array(ProductParam), dependencies: z.array(DependencyParam) })
    .openapi("PlanParam");
  /** The outside of a plan, whose lists are checked item by item. */
  const PlanOutline = z.object({
    dataset: DatasetParam,
    data_products: z.array(z.unknown()),
    dependencies: z.array(z.unknown()),
  });
  const DataProduct = whole("DataProduct", {
    id,
    compute: Compute,
    name: z.string(),
    version: z.string(),
    eager: z.boolean(),
    passthrough: anyJson,
    state: State,
    run_id: id.nullable(),
    link: z.string().nullable(),
    passback: anyJson,
    extra: anyJson,
    ...stamps,
  });
  const Plan = z
    .object({ dataset: Dataset, data_products: z.array(DataProduct), dependencies: z.array(Dependency) })
    .openapi("Plan");
  return { PlanParam, PlanOutline, ProductItem, ExpectedItem, DependencyParam, DataProduct, Plan };
}

export type PlanSchemas = ReturnType<typeof planSchemas>;

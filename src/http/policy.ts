/** Policies: limits of queues, job types and datasets, read and written as data. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { ConflictError, InvalidRequestError, NotFoundError } from "../model/errors.ts";
import { parseUuid } from "../model/ids.ts";
import { type PolicyScope, policyScopes } from "../model/policy.ts";
import { everySubject, type PolicyLimits, type PolicyRow } from "../model/policy-limits.ts";
import { deletePolicy, listPolicies, policiesMax, savePolicy } from "../store/policy-rows.ts";
import { json } from "./answer.ts";
import { checked } from "./check.ts";
import { queueName } from "./job-schemas.ts";
import { type Ask, guardedOperation, openOperation, readFields } from "./operation.ts";
import type { AppParts } from "./parts.ts";
import { PolicySettings, readSettings, shownLimits, shownSettings } from "./policy-settings.ts";

const tag = "policy";

const PolicyShown = z
  .object({
    scope: z.enum(policyScopes),
    subject: z.string().openapi({ description: "* stands for each that has no policy of its own" }),
    ...shownSettings,
    modified_by: z.string(),
    modified_at: z.string().openapi({ format: "date-time" }),
  })
  .openapi("Policy");

const one = "/policy/{scope}/{subject}";

export function policyRoutes(parts: AppParts): OpenAPIHono {
  const { database, auth, intake } = parts;
  const { sql } = database;
  const routes = new OpenAPIHono();

  openOperation(
    routes,
    { method: "get", path: "/policy", summary: "List the policies", tag, answer: z.array(PolicyShown) },
    async () => json((await listPolicies(sql)).map(shownPolicy)),
  );

  openOperation(
    routes,
    { method: "get", path: one, summary: "Read a policy", tag, answer: PolicyShown },
    async (ask) => {
      const { scope, subject } = subjectOf(ask);
      const policies = await listPolicies(sql);
      const found = policies.find((policy) => policy.scope === scope && policy.subject === subject);
      if (found === undefined) throw noPolicy(scope, subject);
      return json(shownPolicy(found));
    },
  );

  guardedOperation<unknown>(
    routes,
    auth,
    {
      method: "put",
      path: one,
      role: "operate",
      audit: "policy.set",
      summary: "Set limits; what is absent stays",
      tag,
      body: PolicySettings,
      // What the scope has of them is checked when the role is known.
      read: (parsed) => {
        checked(PolicySettings, parsed);
        return parsed;
      },
      badField: 422,
      answer: PolicyShown,
    },
    async (ask) => json(shownPolicy(await changePolicy(parts, subjectOf(ask), ask.body, ask.caller.service))),
  );

  guardedOperation(
    routes,
    auth,
    {
      method: "delete",
      path: one,
      role: "operate",
      audit: "policy.delete",
      summary: "Take a policy away: that of * counts from then on",
      tag,
      answer: z.object({ scope: z.string(), subject: z.string() }),
    },
    async (ask) => {
      const { scope, subject } = subjectOf(ask);
      if (!(await deletePolicy(sql, scope, subject))) throw noPolicy(scope, subject);
      intake.policies.changed();
      return json({ scope, subject });
    },
  );
  return routes;
}

/** Checks the settings (422), stores them, and tells every node. */
export async function changePolicy(
  { database, clock, intake }: AppParts,
  { scope, subject }: PolicySubject,
  body: unknown,
  by: string,
): Promise<PolicyRow> {
  const changes: Partial<PolicyLimits> = readFields((parsed) => readSettings(parsed, scope), body, 422);
  const policy = await savePolicy(database.sql, { scope, subject, changes, by, at: clock.now() });
  if (policy === null) throw new ConflictError(`There are ${policiesMax} policies already: delete some`);
  intake.policies.changed();
  return policy;
}

export interface PolicySubject {
  readonly scope: PolicyScope;
  readonly subject: string;
}

function subjectOf({ param }: Pick<Ask<unknown>, "param">): PolicySubject {
  const [given, subject] = [param("scope"), param("subject")];
  const scope = policyScopes.find((known) => known === given);
  if (scope === undefined) {
    throw new InvalidRequestError(`scope: one of ${policyScopes.join(", ")} is needed`, "scope");
  }
  if (subject === everySubject) return { scope, subject };
  switch (scope) {
    case "queue":
      return { scope, subject: queueOf(subject) };
    case "dataset": {
      const id = parseUuid(subject);
      if (id === null) throw new InvalidRequestError(`subject: a dataset's uuid or * is needed`, "subject");
      return { scope, subject: id };
    }
    case "job_type":
      if (subject.length > 200) throw new InvalidRequestError("subject: it is too long for a job type", "subject");
      return { scope, subject };
    default:
      throw new TypeError(scope satisfies never);
  }
}

/** A queue's name in a path. */
export function queueOf(name: string): string {
  if (queueName.safeParse(name).success) return name;
  throw new InvalidRequestError(`queue: "${name.slice(0, 64)}" is no name of a queue`, "queue");
}

const noPolicy = (scope: PolicyScope, subject: string): NotFoundError =>
  new NotFoundError("policy", `${scope}/${subject}`);

export const shownPolicy = (policy: PolicyRow): object => ({
  scope: policy.scope,
  subject: policy.subject,
  ...shownLimits(policy),
  modified_by: policy.modifiedBy,
  modified_at: policy.modifiedAt,
});

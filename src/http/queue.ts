/** Queues: their settings, which are policies, and how many jobs they have. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { defaults } from "../compute/compute.ts";
import { defaultQueue, ownQueue } from "../model/job.ts";
import type { Policies } from "../model/policy.ts";
import { everySubject, limitsOf, type PolicyLimits } from "../model/policy-limits.ts";
import { readPolicies } from "../store/policies.ts";
import type { QueueDepth } from "../store/queue-depths.ts";
import { json } from "./answer.ts";
import { guardedOperation, openOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";
import { changePolicy, queueOf } from "./policy.ts";
import { PolicySettings, readSettings, shownLimits, shownSettings } from "./policy-settings.ts";

const tag = "queue";

const Queue = z
  .object({
    name: z.string(),
    ...shownSettings,
    depth: z.int().openapi({ description: "Due jobs that wait, held ones included; counted just now" }),
    scheduled: z.int(),
    running: z.int(),
    held: z.int().openapi({ description: "Due jobs that wait for a limit of their key or dataset" }),
  })
  .openapi("Queue");

/** Those that are there before anybody uses them. */
const standing = [defaultQueue, defaults.queue, ownQueue];

export function queueRoutes(parts: AppParts): OpenAPIHono {
  const { database, auth, intake } = parts;
  const routes = new OpenAPIHono();

  openOperation(
    routes,
    { method: "get", path: "/queue", summary: "List the queues", tag, answer: z.array(Queue) },
    async () => {
      const [policies, depths] = await Promise.all([readPolicies(database.sql), intake.depths.read()]);
      const names = new Set([...standing, ...depths.keys(), ...subjectsOf(policies)]);
      const shown = [...names]
        .sort()
        .map((name) => shownQueue(name, limitsOf(policies, "queue", name), depths.get(name)));
      return json(shown);
    },
  );

  guardedOperation<unknown>(
    routes,
    auth,
    {
      method: "put",
      path: "/queue/{name}",
      role: "operate",
      audit: "queue.set",
      summary: "Change a queue: pause it, limit it; what is absent stays, null takes a limit away",
      tag,
      body: PolicySettings,
      read: (parsed) => {
        readSettings(parsed, "queue");
        return parsed;
      },
      badField: 422,
      answer: Queue,
    },
    async ({ param, body, caller }) => {
      const subject = queueOf(param("name"));
      const policy = await changePolicy(parts, { scope: "queue", subject }, body, caller.service);
      return json(shownQueue(subject, policy, (await intake.depths.read()).get(subject)));
    },
  );
  return routes;
}

const subjectsOf = ({ all }: Policies): string[] =>
  all.flatMap(({ scope, subject }) => (scope === "queue" && subject !== everySubject ? [subject] : []));

function shownQueue(name: string, limits: PolicyLimits, depth: QueueDepth | undefined): object {
  const { ready = 0, held = 0, scheduled = 0, running = 0 } = depth ?? {};
  return { name, ...shownLimits(limits), depth: ready + held, scheduled, running, held };
}

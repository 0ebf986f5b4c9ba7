/** `GET /api/status`: the whole of it at one look. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import manifest from "../../package.json" with { type: "json" };
import { countDead } from "../store/dead-letters.ts";
import { countPlansAndNodes } from "../store/overview.ts";
import { json } from "./answer.ts";
import { openOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";
import { date } from "./schemas.ts";

const Status = z
  .object({
    version: z.string(),
    store: z.enum(["embedded", "postgres"]),
    ready: z.boolean(),
    nodes: z.int().openapi({ description: "Alive, this one included" }),
    queues: z.object({ depth: z.int(), running: z.int() }),
    dead_letters: z.int().openapi({ description: "At most 100,000" }),
    plans: z.int().openapi({ description: "Above 10,000 an estimate" }),
    started_at: date.openapi({ description: "When this node was" }),
  })
  .openapi("Status");

/** Whoever asks more often gets the same figures again. */
const keptMs = 1000;
const all = { queue: null, jobType: null, reason: null };

export function statusRoutes({ database, intake, clock, isReady }: AppParts): OpenAPIHono {
  const routes = new OpenAPIHono();
  const startedAt = clock.now();
  let figures: Promise<object> | null = null;
  let atMs = 0;

  async function count(): Promise<object> {
    const [depths, dead, { plans, nodes }] = await Promise.all([
      intake.depths.read(),
      countDead(database.sql, all),
      countPlansAndNodes(database.sql),
    ]);
    const queues = { depth: 0, running: 0 };
    for (const { ready, held, running } of depths.values()) {
      queues.depth += ready + held;
      queues.running += running;
    }
    return { nodes: Math.max(1, nodes), queues, dead_letters: dead, plans };
  }

  openOperation(
    routes,
    {
      method: "get",
      path: "/status",
      summary: "Nodes, queues, dead letters and plans at one look",
      tag: "status",
      answer: Status,
    },
    async () => {
      if (figures === null || clock.monotonicMs() - atMs > keptMs) {
        atMs = clock.monotonicMs();
        figures = count();
        figures.catch(() => {
          figures = null;
        });
      }
      const counted = await figures;
      return json({
        version: manifest.version,
        store: database.kind,
        ready: isReady(),
        ...counted,
        started_at: startedAt,
      });
    },
  );
  return routes;
}

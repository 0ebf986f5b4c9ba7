/** `GET /api/ship/{ship}/parameter/live`: values as they come, as server-sent events; for slow listeners the newest of each. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { NotFoundError } from "../model/errors.ts";
import { Connections } from "./connections.ts";
import { parametersOf } from "./dictionary.ts";
import { knownShip } from "./known-ship.ts";
import type { LiveValues } from "./live-values.ts";
import { openOperation } from "./operation.ts";
import { openParameterStream, type ParameterStream } from "./parameter-stream.ts";
import type { AppParts } from "./parts.ts";
import { queryOf } from "./query.ts";
import { eventStreamAnswer } from "./sse-body.ts";

/** A stream costs a socket and a value per parameter; past this many a node says 503. */
const bounds = { max: 1000, everyMs: 15_000 };

const LiveQuery = z.object({
  parameter: z.array(z.string()).optional().openapi({ description: "Only these; repeated. Every one if absent" }),
});

export function parameterLiveRoutes({ database, closing }: AppParts, live: LiveValues): OpenAPIHono {
  const routes = new OpenAPIHono();
  const streams = new Connections<ParameterStream>(bounds, closing, (stream) => stream.heartbeat());

  openOperation(
    routes,
    {
      method: "get",
      path: "/ship/{ship}/parameter/live",
      summary:
        "Values as they come: events named `values`, an object of the newest value of each parameter that changed",
      tag: "parameter",
      query: LiveQuery,
      answer: z.string(),
      answerType: "text/event-stream",
    },
    async ({ c, param }) => {
      const ship = await knownShip(database.sql, param("ship"));
      const wanted = queryOf(c.req.raw.url).getAll("parameter");
      const there = new Set(parametersOf(ship).map(({ field }) => field.name));
      const unknown = wanted.find((name) => !there.has(name));
      if (unknown !== undefined) throw new NotFoundError("parameter", unknown, ` of ${ship.ship}`);
      streams.requireRoom();
      let unsubscribe = (): void => {};
      const stream = openParameterStream(wanted.length === 0 ? null : new Set(wanted), () => {
        streams.delete(stream);
        unsubscribe();
      });
      streams.add(stream);
      unsubscribe = live.subscribe(ship.ship, stream.push);
      stream.push(Object.fromEntries(live.valuesOf(ship.ship)));
      return eventStreamAnswer(stream.body);
    },
  );
  return routes;
}

/** The newest packets of a ship, under its own name and under that of its telemetry. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { json } from "./answer.ts";
import { knownShip } from "./known-ship.ts";
import { openOperation } from "./operation.ts";
import { readCursor, shownPacket, writeCursor } from "./packet-json.ts";
import type { AppParts } from "./parts.ts";
import { queryOf, wholeOf, wordOf } from "./query.ts";
import { TelemetryPackets } from "./ship-schemas.ts";

const PacketsQuery = z.object({
  limit: z.string().optional().openapi({ type: "integer", minimum: 1, maximum: 1000, default: 50 }),
  encoding: z.enum(["hex", "base64"]).optional(),
  before: z.string().optional().openapi({ description: "The `next_before` of the page before" }),
});

export function packetRoutes({ database, telemetry }: AppParts): OpenAPIHono {
  const routes = new OpenAPIHono();
  for (const path of ["/ship/{ship}/packet", "/ship/{ship}/telemetry/packets"]) {
    openOperation(
      routes,
      {
        method: "get",
        path,
        summary: "The newest packets, newest first",
        tag: "ship",
        query: PacketsQuery,
        answer: TelemetryPackets,
      },
      async ({ c, param }) => {
        const query = queryOf(c.req.raw.url);
        const limit = wholeOf(query, "limit", { min: 1, max: 1000, or: 50 });
        const encoding = wordOf(query, "encoding", ["hex", "base64"]) ?? "hex";
        const before = readCursor(query.get("before"));
        const { ship, format } = await knownShip(database.sql, param("ship"));
        const { packets, next } = await telemetry.latest(ship, limit, before);
        const rows = packets.map((packet) => shownPacket(packet, format, encoding));
        return json({ ship, rows, next_before: next === null ? null : writeCursor(next) });
      },
    );
  }
  return routes;
}

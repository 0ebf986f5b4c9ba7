/** Ships: register, read, list; and the telemetry that they have sent: how much, the latest values. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { parsePacketDefinition } from "../ground/packet-definition.ts";
import { parseTle } from "../ground/tle.ts";
import type { LeftOut } from "../ground/xtce/faults.ts";
import { parseXtce } from "../ground/xtce/xtce.ts";
import { InvalidRequestError } from "../model/errors.ts";
import { type JsonText, jsonTextOf } from "../model/json.ts";
import type { ShipFormat, ShipRow } from "../model/pass.ts";
import type { ShipQuota, ShipRetention } from "../model/tenancy.ts";
import { listShips, saveCompletenessMin, saveShip } from "../store/ships.ts";
import { json, jsonText } from "./answer.ts";
import { checked } from "./check.ts";
import { knownShip } from "./known-ship.ts";
import { latestValues } from "./latest-values.ts";
import { nameIn } from "./named.ts";
import { guardedOperation, openOperation } from "./operation.ts";
import { PageQuery, pageOf } from "./page.ts";
import type { AppParts } from "./parts.ts";
import { queryOf, wholeOf } from "./query.ts";
import { addOrbitRoute, shownOrbit } from "./ship-orbit.ts";
import { LatestTelemetry, Ship, ShipParam, ShipSummary, TelemetryCountSchema, XtceFile } from "./ship-schemas.ts";
import { quotaOf, retentionOf, shownTenancy } from "./ship-tenancy.ts";

const tag = "ship";

interface Registration {
  readonly format: ShipFormat;
  readonly definition: JsonText | null;
  /** Of an XTCE file; null: it was none. */
  readonly leftOut: readonly LeftOut[] | null;
  readonly quota: ShipQuota | undefined;
  readonly retention: ShipRetention | undefined;
  /** Absent: it stays as it is. */
  readonly completenessMin: number | null | undefined;
}

export function shipRoutes(parts: AppParts): OpenAPIHono {
  const { database, telemetry, ground, auth, clock } = parts;
  const routes = new OpenAPIHono();
  const { sql } = database;

  guardedOperation<Registration>(
    routes,
    auth,
    {
      method: "put",
      path: "/ship/{ship}",
      role: "publish",
      audit: "ship.save",
      summary: "Register a ship, or say anew how it speaks",
      tag,
      body: ShipParam,
      read: readRegistration,
      // What a ship may use, and how long what it sent is kept, is not its own key's to decide.
      ships: ({ param, body: { quota, retention } }) =>
        quota === undefined && retention === undefined ? [param("ship")] : [],
      answer: Ship,
    },
    async ({ param, body, caller }) => {
      const ship = nameIn("ship", param("ship"));
      const { leftOut, completenessMin, ...registration } = body;
      await sql.begin(async (tx) => {
        await saveShip(tx, { ship, ...registration, by: caller.service, at: clock.now() });
        if (completenessMin !== undefined) await saveCompletenessMin(tx, ship, completenessMin);
      });
      return jsonText(await shownShip(parts, await knownShip(sql, ship), leftOut));
    },
  );

  openOperation(
    routes,
    {
      method: "get",
      path: "/ship",
      summary: "List the ships",
      tag,
      query: PageQuery,
      answer: z.object({ rows: z.array(ShipSummary), next_after: z.string().nullable() }),
    },
    async ({ c }) => {
      const query = queryOf(c.req.raw.url);
      const limit = wholeOf(query, "limit", { min: 1, max: 1000, or: 200 });
      const ships = await listShips(sql, query.get("after") ?? "", limit + 1);
      const { shown, nextCursor } = pageOf(ships, limit, ({ ship }) => ship);
      return json({
        rows: shown.map(({ ship, format, modifiedBy, modifiedAt }) => ({
          ship,
          format,
          modified_by: modifiedBy,
          modified_date: modifiedAt,
        })),
        next_after: nextCursor,
      });
    },
  );

  openOperation(
    routes,
    { method: "get", path: "/ship/{ship}", summary: "Read a ship and its packet definition", tag, answer: Ship },
    async ({ param }) => jsonText(await shownShip(parts, await knownShip(sql, param("ship")))),
  );

  openOperation(
    routes,
    {
      method: "get",
      path: "/ship/{ship}/telemetry/count",
      summary: "How many packets were ever stored",
      tag,
      answer: TelemetryCountSchema,
    },
    async ({ param }) => {
      const { ship } = await knownShip(sql, param("ship"));
      const { packets, bytes } = await telemetry.count(ship);
      return json({ ship, count: packets, bytes });
    },
  );

  openOperation(
    routes,
    {
      method: "get",
      path: "/ship/{ship}/telemetry/latest",
      summary: "The newest value of each parameter",
      tag,
      answer: LatestTelemetry,
    },
    async ({ param }) => {
      const { ship } = await knownShip(sql, param("ship"));
      return json({ ship, parameters: await latestValues({ sql, ground }, ship) });
    },
  );
  addOrbitRoute(routes, parts);
  return routes;
}

function readRegistration(parsed: unknown): Registration {
  const { format, packets, completeness_min: completenessMin, ...given } = checked(ShipParam, parsed);
  const settings = { quota: quotaOf(given.quota), retention: retentionOf(given.retention), completenessMin };
  if (packets === undefined || packets === null) return { format, definition: null, leftOut: null, ...settings };
  if (format !== "ccsds") {
    throw new InvalidRequestError(`packets: a ship that sends ${format} has no packets to define`, "packets");
  }
  const xtce = xtceOf(packets);
  if (xtce === null)
    return { format, definition: jsonTextOf(parsePacketDefinition(packets)), leftOut: null, ...settings };
  const { definition, leftOut } = parseXtce(xtce.xtce);
  return { format, definition: jsonTextOf({ ...definition, crc: xtce.crc }), leftOut, ...settings };
}

/** A definition has no `xtce`, so whatever has one is meant as a file. */
function xtceOf(packets: unknown): z.infer<typeof XtceFile> | null {
  const isFile = typeof packets === "object" && packets !== null && "xtce" in packets;
  return isFile ? checked(XtceFile, packets, "packets") : null;
}

async function shownShip(parts: AppParts, row: ShipRow, leftOut: readonly LeftOut[] | null = null): Promise<string> {
  const { ship, format, definition, tle, completenessMin, modifiedBy, modifiedAt } = row;
  const tenancy = JSON.stringify(await shownTenancy(parts, row)).slice(1, -1);
  const left = leftOut === null ? "" : `,"left_out":${JSON.stringify(leftOut)}`;
  const orbit = tle === null ? "null" : JSON.stringify(shownOrbit(parseTle(tle)));
  const stamps = `"completeness_min":${completenessMin},"modified_by":${JSON.stringify(modifiedBy)},"modified_date":"${modifiedAt}"`;
  return `{"ship":"${ship}","format":"${format}","packets":${definition ?? "null"},"tle":${orbit},${tenancy},${stamps}${left}}`;
}

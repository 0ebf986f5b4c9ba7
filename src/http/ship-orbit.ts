/** A ship's orbit: the two-line element set that its passes are predicted from. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import { parseTle, type Tle, TleError } from "../ground/tle.ts";
import { instantOf } from "../model/clock.ts";
import { InvalidRequestError, NotFoundError } from "../model/errors.ts";
import { saveOrbit } from "../store/ships.ts";
import { json } from "./answer.ts";
import { checked } from "./check.ts";
import { nameIn } from "./named.ts";
import { guardedOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";
import { OrbitParam, ShipOrbit } from "./ship-schemas.ts";

export function addOrbitRoute(routes: OpenAPIHono, { auth, database, clock }: AppParts): void {
  guardedOperation<Tle | null>(
    routes,
    auth,
    {
      method: "put",
      path: "/ship/{ship}/tle",
      role: "publish",
      audit: "ship.orbit",
      summary: "Say where a ship is, by its two-line elements",
      tag: "ship",
      body: OrbitParam,
      read: readOrbit,
      ships: ({ param }) => [param("ship")],
      answer: ShipOrbit,
    },
    async ({ param, body, caller }) => {
      const ship = nameIn("ship", param("ship"));
      const tle = body === null ? null : linesOf(body).join("\n");
      const isThere = await saveOrbit(database.sql, { ship, tle, by: caller.service, at: clock.now() });
      if (!isThere) throw new NotFoundError("ship", ship);
      return json({ ship, tle: body === null ? null : shownOrbit(body) });
    },
  );
}

function readOrbit(parsed: unknown): Tle | null {
  const { tle } = checked(OrbitParam, parsed);
  if (tle === null) return null;
  try {
    return parseTle(typeof tle === "string" ? tle : tle.join("\n"));
  } catch (error) {
    if (error instanceof TleError) throw new InvalidRequestError(`tle: ${error.message}`, "tle");
    throw error;
  }
}

const linesOf = ({ name, line1, line2 }: Tle): string[] => [...(name === null ? [] : [name]), line1, line2];

export function shownOrbit(tle: Tle): object {
  const { name, catalogNumber, epochMs } = tle;
  return { name, catalog_number: catalogNumber, epoch: instantOf(epochMs), lines: linesOf(tle) };
}

/** `POST /pass/{pass_id}/packet`: packets of a pass that reached us after its end. */
import { type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Added } from "../ground/late-data.ts";
import { InvalidRequestError } from "../model/errors.ts";
import { ownQueue } from "../model/job.ts";
import { renewType } from "../store/late-data.ts";
import { json } from "./answer.ts";
import { bodyOctets } from "./body.ts";
import { guardedOperation } from "./operation.ts";
import type { AppParts } from "./parts.ts";
import { shipsOfPass } from "./pass-extend.ts";
import { Ledger } from "./pass-schemas.ts";
import { id } from "./schemas.ts";

const count = z.int();

const AddedPackets = z
  .object({
    pass_id: id,
    received: count.openapi({ description: "idle + rejected + duplicates + stored" }),
    stored: count.openapi({ description: "New to the pass. 0: nothing was changed" }),
    duplicates: count,
    conflicts: count,
    out_of_order: count.openapi({ description: "Of the stored ones: into a gap, or before the first" }),
    idle: count,
    rejected: z.record(z.string(), count),
    apids: z.array(z.object({ apid: count, stored: count })).openapi({ description: "Those that have something new" }),
    renews: id
      .nullable()
      .openapi({ description: "The plan that is given the new inputs; null: none, or nothing is new" }),
    ledger: Ledger,
  })
  .openapi("AddedPackets");

export function addPacketRoute(routes: OpenAPIHono, { auth, database, lateData, ground, due }: AppParts): void {
  guardedOperation(
    routes,
    auth,
    {
      method: "post",
      path: "/pass/{pass_id}/packet",
      role: "publish",
      audit: "pass.add",
      ships: ({ param }) => shipsOfPass(database.sql, param("pass_id")),
      summary:
        "Add packets to a pass that has ended: CCSDS space packets back to back, at most 16 MiB. The same again changes nothing",
      tag: "pass",
      octets: "application/octet-stream",
      answer: AddedPackets,
    },
    async ({ c, param, wrote }) => {
      const bytes = await bodyOctets(c.req.raw);
      if (bytes.length === 0) throw new InvalidRequestError("The body is empty: space packets back to back are needed");
      const added = await lateData.add(param("pass_id"), bytes);
      if (added.turn.toStore === 0) wrote(null);
      else {
        ground.changed(added.pass);
        due.announce([{ queue: ownQueue, jobType: renewType, keyed: false }]);
      }
      return json(shownAdded(added));
    },
  );
}

function shownAdded({ pass, ledger, ingested, turn, apids }: Added): object {
  return {
    pass_id: pass.passId,
    received: ingested.received,
    stored: turn.toStore,
    duplicates: turn.duplicates,
    conflicts: turn.conflicts,
    out_of_order: turn.late,
    idle: ingested.idle,
    rejected: Object.fromEntries(ingested.rejected),
    apids,
    renews: turn.toStore === 0 ? null : pass.datasetId,
    ledger,
  };
}

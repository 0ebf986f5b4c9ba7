/** The archive of a pass as a file to take away: all packets that it stored, in the order of storing. */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { NotFoundError } from "../model/errors.ts";
import { ArchiveRemovedError } from "../model/pass-errors.ts";
import { findPass } from "../store/passes.ts";
import { pathUuid } from "./check.ts";
import { fileAnswer } from "./file-answer.ts";
import type { AppParts } from "./parts.ts";

const path = "/pass/{pass_id}/archive";

export function addArchiveRoute(routes: OpenAPIHono, { database }: AppParts): void {
  const route = createRoute({
    method: "get",
    path,
    summary: "Take away the packets of a pass: CCSDS back to back, a JSON object a line, or sized raw records",
    tags: ["pass"],
    request: { params: z.object({ pass_id: z.string().openapi({ format: "uuid" }) }) },
    responses: {
      200: {
        description: "The file that lies on this node; its ETag is its SHA-256",
        content: { "application/octet-stream": { schema: z.string().openapi({ format: "binary" }) } },
      },
      410: { description: "Its ship's retention or quota took it away" },
    },
  });
  routes.openAPIRegistry.registerPath(route);
  routes.get(route.getRoutingPath(), async (c) => {
    const passId = pathUuid("pass_id", c.req.param("pass_id"));
    const pass = await findPass(database.sql, passId);
    if (pass === null) throw new NotFoundError("pass", passId);
    if (pass.archiveRemovedAt !== null) throw new ArchiveRemovedError("archive", pass);
    const { archive } = pass;
    if (archive === null) throw new NotFoundError("archive", passId, `: the pass is ${pass.state}`);
    return fileAnswer(c.req.raw, pass, "archive", archive);
  });
}

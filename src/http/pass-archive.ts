/** The archive of a pass as a file to take away: all packets that it stored, in the order of storing. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { extname } from "node:path";
import { Readable } from "node:stream";
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { NotFoundError } from "../model/errors.ts";
import type { PassArchive } from "../model/pass.ts";
import { findPass } from "../store/passes.ts";
import { pathUuid } from "./check.ts";
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
    },
  });
  routes.openAPIRegistry.registerPath(route);
  routes.get(route.getRoutingPath(), async (c) => {
    const passId = pathUuid("pass_id", c.req.param("pass_id"));
    const pass = await findPass(database.sql, passId);
    if (pass === null) throw new NotFoundError("pass", passId);
    const { archive } = pass;
    if (archive === null) throw new NotFoundError("archive", passId, `: the pass is ${pass.state}`);
    const etag = `"${archive.sha256}"`;
    if (c.req.raw.headers.get("if-none-match") === etag)
      return new Response(null, { status: 304, headers: { ETag: etag } });
    if (!(await isHere(archive))) {
      throw new NotFoundError(
        "archive",
        passId,
        ` on this node: it lies at ${archive.path} where the pass was received`,
      );
    }
    const headers = {
      "Content-Type": "application/octet-stream",
      "Content-Length": String(archive.sizeBytes),
      "Content-Disposition": `attachment; filename="${pass.ship}-${passId}${extname(archive.path)}"`,
      "Cache-Control": "no-cache",
      ETag: etag,
    };
    if (c.req.method === "HEAD") return new Response(null, { headers });
    // The two types of ReadableStream, node's and the Web's, are one at run time.
    const body = Readable.toWeb(createReadStream(archive.path)) as unknown as ReadableStream;
    return new Response(body, { headers });
  });
}

async function isHere({ path, sizeBytes }: PassArchive): Promise<boolean> {
  const found = await stat(path).catch(() => null); // not there, or not ours to read: the same to the caller
  return found !== null && found.size === sizeBytes;
}

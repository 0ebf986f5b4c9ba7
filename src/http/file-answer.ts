/** A file of the archive as an answer: told by its SHA-256, and only if it lies on this node as it was stored. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { extname } from "node:path";
import { Readable } from "node:stream";
import { NotFoundError } from "../model/errors.ts";
import type { DecodedFile, PassRow } from "../model/pass.ts";

/** `what` for people: "archive", "csv export". */
export async function fileAnswer(
  request: Request,
  pass: PassRow,
  what: string,
  file: DecodedFile,
  type = "application/octet-stream",
): Promise<Response> {
  const { path, sha256, sizeBytes } = file;
  const etag = `"${sha256}"`;
  if (request.headers.get("if-none-match") === etag)
    return new Response(null, { status: 304, headers: { ETag: etag } });
  if (!(await isHere(file))) {
    throw new NotFoundError(what, pass.passId, ` on this node: it lies at ${path} where the pass was received`);
  }
  const headers = {
    "Content-Type": type,
    "Content-Length": String(sizeBytes),
    "Content-Disposition": `attachment; filename="${pass.ship}-${pass.passId}${extname(path)}"`,
    "Cache-Control": "no-cache",
    // RFC 9530: what is written to disk can be checked without a second request.
    "Repr-Digest": `sha-256=:${Uint8Array.fromHex(sha256).toBase64()}:`,
    ETag: etag,
  };
  if (request.method === "HEAD") return new Response(null, { headers });
  // The two types of ReadableStream, node's and the Web's, are one at run time.
  const body = Readable.toWeb(createReadStream(path)) as unknown as ReadableStream;
  return new Response(body, { headers });
}

async function isHere({ path, sizeBytes }: DecodedFile): Promise<boolean> {
  const found = await stat(path).catch(() => null); // not there, or not ours to read: the same to the caller
  return found !== null && found.size === sizeBytes;
}

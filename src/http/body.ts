/** Request bodies: JSON only, bounded, decoded strictly, parsed without losing a digit. */
import { BodyTooLargeError, InvalidRequestError, MediaTypeError } from "../model/errors.ts";
import { parseJson } from "../model/json.ts";

export const bodyBytesMax = 16 * 1024 * 1024;

const jsonType = /^application\/json[\t ]*(?:;|$)/i;
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The body as text. 415 unless it says that it is JSON, 413 when it is too large, 400 when it is not UTF-8. */
export async function jsonBodyText(request: Request, sizeBytesMax = bodyBytesMax): Promise<string> {
  if (!jsonType.test(request.headers.get("content-type") ?? "")) throw new MediaTypeError();
  return bodyText(request, sizeBytesMax);
}

/** The body as text, whatever its type. 413 when it is too large, 400 when it is not UTF-8. */
export async function bodyText(request: Request, sizeBytesMax = bodyBytesMax): Promise<string> {
  const length = request.headers.get("content-length");
  if (length !== null && Number(length) > sizeBytesMax) throw new BodyTooLargeError(sizeBytesMax);
  // The server holds a body to its stated length, so only one that states none is counted as it comes.
  const bytes = length === null ? await readBounded(request.body, sizeBytesMax) : await request.arrayBuffer();
  try {
    return utf8.decode(bytes);
  } catch {
    throw new InvalidRequestError("The body is not UTF-8 text");
  }
}

const octetsType = "application/octet-stream";

/** The body as it was sent. 415 unless it says that it is octets, 413 when there are too many of them. */
export async function bodyOctets(request: Request, sizeBytesMax = bodyBytesMax): Promise<Uint8Array> {
  const type = (request.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase();
  if (type !== octetsType) throw new MediaTypeError(`Cannot read the body: send it with Content-Type: ${octetsType}`);
  if (Number(request.headers.get("content-length") ?? 0) > sizeBytesMax) throw new BodyTooLargeError(sizeBytesMax);
  return readBounded(request.body, sizeBytesMax);
}

/** Parses a body's text; 400 when it is not JSON or is nested too deeply. */
export function parseBody(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InvalidRequestError(`The body is not JSON: ${reason}`);
  }
}

async function readBounded(body: ReadableStream<Uint8Array> | null, sizeBytesMax: number): Promise<Uint8Array> {
  if (body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of body) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > sizeBytesMax) throw new BodyTooLargeError(sizeBytesMax);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] ?? new Uint8Array()) : Buffer.concat(chunks, sizeBytes);
}

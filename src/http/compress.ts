/** Compresses JSON and HTML answers by gzip when the client takes it and it is worthwhile, and measures those to HEAD. Assets come compressed already. */
import { promisify } from "node:util";
import { constants, gzip, gzipSync } from "node:zlib";

/** One network packet: below it nothing is saved. */
const sizeBytesMin = 1400;
/** From here on another thread does it; below, handing it over costs more than doing it (some 30 µs for 7 kB). */
const aloneBytesMin = 64 * 1024;
const options = { level: constants.Z_BEST_SPEED };
const gzipApart = promisify(gzip);

const compressible = /^(?:application\/json|text\/html)\b/;

/** Null when the answer is fine as it is. */
export async function compressed(request: Request, answer: Response): Promise<Response | null> {
  const accepted = request.headers.get("accept-encoding");
  if (accepted === null || !acceptsGzip(accepted) || !mayCompress(request, answer)) return null;
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const { headers, status } = answer;
  if (bytes.byteLength < sizeBytesMin) return new Response(bytes, { headers, status });
  const small = bytes.byteLength < aloneBytesMin ? gzipSync(bytes, options) : await gzipApart(bytes, options);
  headers.set("Content-Encoding", "gzip");
  headers.set("Vary", "Accept-Encoding");
  headers.delete("Content-Length");
  // The same plan in other bytes: such a tag is a weak one (RFC 9110, §8.8.1).
  const tag = headers.get("etag");
  if (tag?.startsWith('"')) headers.set("ETag", `W/${tag}`);
  return new Response(new Uint8Array(small), { headers, status });
}

/** The headers of an answer whose body a HEAD does not get, with the body's length. Null when there is no need, or a stream. */
export async function withoutBody(request: Request, answer: Response): Promise<Response | null> {
  const { headers, status, body } = answer;
  if (request.method !== "HEAD" || body === null || !compressible.test(headers.get("content-type") ?? "")) return null;
  headers.set("Content-Length", String((await answer.arrayBuffer()).byteLength));
  return new Response(null, { headers, status });
}

function mayCompress(request: Request, { headers, status, body }: Response): boolean {
  return (
    status === 200 &&
    request.method !== "HEAD" &&
    body !== null &&
    compressible.test(headers.get("content-type") ?? "") &&
    !headers.has("content-encoding")
  );
}

/** `gzip` or `*`, unless its weight is 0. */
function acceptsGzip(accepted: string): boolean {
  const weight = /(?:^|,)\s*(?:x-)?gzip\s*(?:;\s*q=([\d.]+))?\s*(?:,|$)/i.exec(accepted) ?? anyCoding.exec(accepted);
  return weight !== null && Number(weight[1] ?? 1) > 0;
}

const anyCoding = /(?:^|,)\s*\*\s*(?:;\s*q=([\d.]+))?\s*(?:,|$)/;

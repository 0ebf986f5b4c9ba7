/** Compresses JSON and HTML answers by gzip when the client takes it and it is worthwhile, and measures those to HEAD. Assets come compressed already. */
import { promisify } from "node:util";
import { constants, gzip, gzipSync } from "node:zlib";

/** One network packet: below it nothing is saved. */
const sizeBytesMin = 1400;
/** From here on another thread does it; below, handing it over costs more than doing it (some 15 µs for 3 kB). */
const aloneBytesMin = 64 * 1024;
const options = { level: constants.Z_BEST_SPEED };
const gzipApart = promisify(gzip);

/** What is written whole. Anything else may be a stream, and is left alone. */
const whole = /^(?:application\/json|text\/html)\b/;

/** The answer as this request wants it: compressed, or without its body. Null when it is fine as it is. */
export function reshaped(request: Request, answer: Response): Promise<Response> | null {
  const isHead = request.method === "HEAD";
  const accepted = request.headers.get("accept-encoding");
  if (!isHead && (accepted === null || answer.status !== 200 || !acceptsGzip(accepted))) return null;
  const { headers, body } = answer;
  if (body === null || !whole.test(headers.get("content-type") ?? "") || headers.has("content-encoding")) return null;
  return isHead ? withoutBody(answer) : compressed(answer);
}

/** A HEAD gets the headers that a GET would, the length too. */
async function withoutBody(answer: Response): Promise<Response> {
  const { headers, status } = answer;
  headers.set("Content-Length", String((await answer.arrayBuffer()).byteLength));
  return new Response(null, { headers, status });
}

async function compressed(answer: Response): Promise<Response> {
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

/** `gzip` or `*`, unless its weight is 0. */
function acceptsGzip(accepted: string): boolean {
  const weight = gzipCoding.exec(accepted) ?? anyCoding.exec(accepted);
  return weight !== null && Number(weight[1] ?? 1) > 0;
}

const gzipCoding = /(?:^|,)\s*(?:x-)?gzip\s*(?:;\s*q=([\d.]+))?\s*(?:,|$)/i;
const anyCoding = /(?:^|,)\s*\*\s*(?:;\s*q=([\d.]+))?\s*(?:,|$)/;

/** One HTTP request over a guarded connection: bounded in time and size, redirects never followed, the connection used once. */
import { type IncomingMessage, request } from "node:http";
import type { Socket } from "node:net";
import { messageOf } from "./function.ts";
import { AddressRefusedError, type AllowPrivate, connectGuarded, type Resolve } from "./guarded-connect.ts";

export interface RequestAsk {
  readonly url: URL;
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly allowPrivate: AllowPrivate;
  readonly ca?: string | undefined;
  /** All of it: resolving, connecting, sending, and the answer to its last byte. */
  readonly timeoutMs: number;
  /** A longer answer is cut off there, and the request fails. */
  readonly answerBytesMax: number;
  readonly signal: AbortSignal;
  readonly resolve?: Resolve;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
}

/** Why there is no answer, as a code: `address_refused`, `timeout`, `answer_too_large`, `aborted`, or `network`. */
export class RequestFailedError extends Error {
  readonly code: "address_refused" | "timeout" | "answer_too_large" | "aborted" | "network";
  constructor(code: RequestFailedError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** Rejects with `RequestFailedError` only. Messages name the host, never the path, the query or a header: those may hold secrets. */
export async function requestGuarded(ask: RequestAsk): Promise<Answered> {
  const deadline = new AbortController();
  const timer = setTimeout(
    () =>
      deadline.abort(
        new RequestFailedError("timeout", `${ask.url.host} gave no whole answer within ${ask.timeoutMs / 1000} s`),
      ),
    Math.min(ask.timeoutMs, 2_147_483_647),
  );
  const signal = AbortSignal.any([ask.signal, deadline.signal]);
  try {
    const socket = await connectGuarded({ ...ask, signal });
    return await exchange(ask, socket, signal);
  } catch (error) {
    if (deadline.signal.aborted) throw deadline.signal.reason;
    if (ask.signal.aborted) throw new RequestFailedError("aborted", messageOf(ask.signal.reason));
    if (error instanceof RequestFailedError) throw error;
    if (error instanceof AddressRefusedError) throw new RequestFailedError(error.code, error.message, { cause: error });
    throw new RequestFailedError("network", networkText(ask.url, error), { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function exchange(ask: RequestAsk, socket: Socket, signal: AbortSignal): Promise<Answered> {
  const { promise, resolve, reject } = Promise.withResolvers<Answered>();
  const body = ask.body ?? "";
  const sent = request({
    createConnection: () => socket,
    host: ask.url.hostname,
    path: `${ask.url.pathname}${ask.url.search}`,
    method: ask.method,
    headers: {
      ...ask.headers,
      host: ask.url.host,
      connection: "close",
      ...(ask.method === "GET" ? {} : { "content-length": String(Buffer.byteLength(body)) }),
    },
  });
  const end = (settle: () => void) => {
    signal.removeEventListener("abort", onAbort);
    settle();
    sent.destroy();
    socket.destroy();
  };
  const fail = (error: unknown) => end(() => reject(error));
  const onAbort = () => fail(signal.reason);
  sent.on("error", fail);
  socket.once("close", () => fail(new Error("the connection was closed")));
  sent.once("response", (answer) => {
    const chunks: Uint8Array[] = [];
    let sizeBytes = 0;
    answer.on("data", (chunk: Uint8Array) => {
      sizeBytes += chunk.length;
      if (sizeBytes <= ask.answerBytesMax) chunks.push(chunk);
      else
        fail(
          new RequestFailedError("answer_too_large", `${ask.url.host} answered more than ${ask.answerBytesMax} bytes`),
        );
    });
    answer.on("error", fail);
    answer.once("aborted", () => fail(new Error("the answer broke off")));
    answer.once("end", () => {
      const { statusCode: status = 0, headers } = answer;
      end(() => resolve({ status, headers, text: new TextDecoder().decode(Buffer.concat(chunks)) }));
    });
  });
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  else sent.end(body);
  return promise;
}

function networkText(url: URL, error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : null;
  const why = messageOf(error) || code || "unknown";
  return `Cannot reach ${url.host}: ${why}`;
}

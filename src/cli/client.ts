/** The API as the commands use it: JSON both ways without loss of digits, errors as one sentence that says what to do, patience with a busy server. */
import { setTimeout as sleep } from "node:timers/promises";
import { parseJson } from "../model/json.ts";
import type { Connection } from "./connection.ts";
import { AnswerError, UnreachableError } from "./exit.ts";
import { readServerEvents, type ServerEvent } from "./server-events.ts";

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Call {
  readonly query?: Query;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it stands, instead of a body. */
  readonly yaml?: string;
  readonly csv?: string;
  readonly octets?: Uint8Array<ArrayBuffer>;
  /** Makes the write safe to repeat: the server answers a repetition as it did the first time. */
  readonly idempotencyKey?: string;
}

export interface Client {
  readonly url: string;
  /** `Body` is what the server's document (`/spec`) says of the route. */
  get<Body>(path: string, query?: Query): Promise<Body>;
  send<Body>(method: "POST" | "PUT" | "DELETE", path: string, call?: Call): Promise<Body>;
  text(path: string, query?: Query): Promise<string>;
  /** Ends when the server ends it; throws when the connection breaks. */
  events(path: string, query: Query, signal: AbortSignal): AsyncGenerator<ServerEvent>;
}

const answerMsMax = 60_000;
/** What they are added to is read and written as a whole. */
const octetsMsMax = 600_000;
const triesMax = 5;
const waitSMax = 10;

export function createClient({ url, token }: Connection): Client {
  async function ask(method: string, path: string, call: Call, signal: AbortSignal, accept: string): Promise<Response> {
    const { body, yaml, csv, octets, query, idempotencyKey } = call;
    const sent = yaml ?? csv ?? octets ?? (body === undefined ? undefined : JSON.stringify(body));
    const type = typeOf(call);
    const sentToken = token();
    const address = `${url}/api${path}${queryText(query)}`;
    try {
      return await fetch(address, {
        method,
        signal,
        headers: {
          Accept: accept,
          ...(sent !== undefined && { "Content-Type": type }),
          ...(sentToken !== null && { Authorization: `Bearer ${sentToken}` }),
          ...(idempotencyKey !== undefined && { "Idempotency-Key": idempotencyKey }),
        },
        ...(sent !== undefined && { body: sent }),
      });
    } catch (error) {
      throw unreachable(url, error);
    }
  }

  /** Reads are repeated while the server says that it is busy; writes only under an idempotency key. */
  async function answerOf(method: string, path: string, call: Call): Promise<string> {
    const mayRepeat = method === "GET" || call.idempotencyKey !== undefined;
    for (let tries = 1; ; tries++) {
      const signal = AbortSignal.timeout(call.octets === undefined ? answerMsMax : octetsMsMax);
      const response = await ask(method, path, call, signal, "application/json, text/plain");
      const text = await response.text().catch((error: unknown) => {
        throw unreachable(url, error);
      });
      if (response.ok) return text;
      const error = answerError(response, text, `${method} ${url}/api${path}`);
      const isBusy = response.status === 503 || (response.status === 429 && call.idempotencyKey !== undefined);
      if (!mayRepeat || !isBusy || tries === triesMax) throw error;
      await sleep(Math.min(error.retryAfterS ?? tries, waitSMax) * 1000);
    }
  }

  return {
    url,
    get: async (path, query) => parsed(await answerOf("GET", path, { query: query ?? {} })),
    send: async (method, path, call = {}) => parsed(await answerOf(method, path, call)),
    text: (path, query) => answerOf("GET", path, { query: query ?? {} }),
    async *events(path, query, signal) {
      const response = await ask("GET", path, { query }, signal, "text/event-stream");
      if (!response.ok || response.body === null)
        throw answerError(response, await response.text(), `GET ${url}/api${path}`);
      yield* readServerEvents(response.body);
    },
  };
}

function typeOf({ yaml, csv, octets }: Call): string {
  if (yaml !== undefined) return "application/yaml";
  if (csv !== undefined) return "text/csv";
  return octets === undefined ? "application/json" : "application/octet-stream";
}

function queryText(query: Query = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return given.length === 0
    ? ""
    : `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()}`;
}

/** The caller names the shape that the route's document gives; nothing checks it again here. */
function parsed<Body>(text: string): Body {
  try {
    return (text === "" ? null : parseJson(text)) as Body;
  } catch {
    throw new UnreachableError(
      `The server did not answer with JSON but with ${JSON.stringify(text.slice(0, 60))}: is this address an Orrery?`,
      null,
    );
  }
}

function unreachable(url: string, error: unknown): UnreachableError {
  const isLate = error instanceof Error && error.name === "TimeoutError";
  const why = isLate ? `it did not answer within ${answerMsMax / 1000} s` : reasonOf(error);
  return new UnreachableError(
    `Cannot reach the server at ${url} (${why}): start it with \`orrery serve\`, or name another one with --url or ORRERY_URL`,
    error,
  );
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error && cause.message !== "" ? cause.message : error.message;
}

/** problem+json as one sentence and what to do; anything else by its status. */
export function answerError(response: Response, text: string, asked: string): AnswerError {
  const problem = problemOf(text);
  const { status } = response;
  const after = Number(response.headers.get("Retry-After"));
  const retryAfterS = Number.isFinite(after) && after > 0 ? after : null;
  const { detail, code, title: _title, status: _status, type: _type, ...members } = problem ?? {};
  const said = typeof detail === "string" ? detail : null;
  const sentence =
    said ??
    (status === 404
      ? `${asked} is not known there: is the server older than this program?`
      : `${asked} was answered with status ${status}`);
  const advice = adviceOf(status, retryAfterS);
  const field =
    typeof members.field === "string" && !sentence.includes(members.field) ? ` (field ${members.field})` : "";
  return new AnswerError(`${sentence}${field}${advice === null ? "" : `. ${advice}`}`, {
    status,
    code: typeof code === "string" ? code : "http",
    members,
    retryAfterS,
  });
}

function adviceOf(status: number, retryAfterS: number | null): string | null {
  if (status === 401) return "Give a token or an API key with --token, ORRERY_TOKEN or a context";
  if (status === 429 || status === 503) return `Try again ${retryAfterS === null ? "shortly" : `in ${retryAfterS} s`}`;
  if (status >= 500) return "The server's log tells more";
  return null;
}

function problemOf(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}

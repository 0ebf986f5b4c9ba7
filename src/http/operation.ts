/**
 * Declares an operation once: to the OpenAPI document by its schemas, and to the router with the checks in the contract's
 * order: token (401/403), path and body (415/413/400), role (403), then the handler.
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { InvalidFieldError, InvalidRequestError, ShipScopeError } from "../model/errors.ts";
import type { Uuid } from "../model/ids.ts";
import type { Caller, Role } from "../model/service.ts";
import { type Audited, auditorOf } from "./audited.ts";
import { requireRole } from "./auth.ts";
import { bodyText, jsonBodyText, parseBody } from "./body.ts";
import { checked, pathUuid } from "./check.ts";
import type { Guard } from "./guard.ts";
import { requireOpenToShips, requireShips } from "./ship-scope.ts";

export interface Operation<Body> {
  readonly method: "get" | "post" | "put" | "delete";
  /** Under `/api`, as OpenAPI writes it: `/plan/{dataset_id}`. Parameters that end in `_id` are uuids. */
  readonly path: string;
  readonly summary: string;
  readonly tag: string;
  /** Query parameters, for the document; the handler checks them. */
  readonly query?: z.ZodObject;
  /** The body's schema. Without one, the body is not even read. */
  readonly body?: z.ZodType;
  /** Another type that the body may have, and what its text becomes for `read`. */
  readonly bodyType?: { readonly type: string; readonly parse: (text: string) => unknown };
  /** A body that is no text, which the handler reads itself: its type, for the document. */
  readonly octets?: string;
  /** 16 MiB if absent. */
  readonly bodyBytesMax?: number;
  /** Turns the parsed body into what the handler takes; by default checks it against `body`. */
  readonly read?: (parsed: unknown) => Body;
  /** What a body is whose JSON has a bad field: 400 by the plan API's contract and if absent; 422 with `field` on the jobs' side. */
  readonly badField?: 422;
  /** The schema of the 200 answer. */
  readonly answer: z.ZodType;
  /** It is answered with 202: the work goes on. */
  readonly accepted?: true;
  /** `application/json` if absent. */
  readonly answerType?: string;
}

export interface Ask<Body> {
  readonly c: Context;
  /** A path parameter, checked: a uuid is in its lower-case hyphenated form. */
  param(name: string): string;
  readonly body: Body;
  /** The body as it was sent; empty when none is read. */
  readonly bodyText: string;
}

export interface Asked<Body> extends Ask<Body> {
  readonly caller: Caller;
  /** Names what was written, for the audit, where the path does not: `/key/018f…`. Null: nothing was, as in a dry run. */
  wrote(target: string | null): void;
}

/** An operation that needs no token, and ignores one. */
export function openOperation<Body = undefined>(
  app: OpenAPIHono,
  operation: Operation<Body>,
  handle: (ask: Ask<Body>) => Response | Promise<Response>,
): void {
  const read = reader(operation);
  declare(app, operation, null, async (c) => handle(await read(c)));
}

/** An operation for services that have `role`. A write is answered once the audit knows of it. */
export function guardedOperation<Body = undefined>(
  app: OpenAPIHono,
  guard: Guard,
  operation: Operation<Body> &
    Audited & {
      readonly role: Role;
      /**
       * The ships that it writes for: a key of ships needs all of them. Absent, or none: closed to such keys. Asked for those only;
       * may throw what the handler would, such as that there is no such pass.
       */
      readonly ships?: (ask: Ask<Body>) => readonly string[] | Promise<readonly string[]>;
      /** Hears why a body was not read (it is too large, say), and tells what the caller is told instead. */
      readonly onUnread?: (error: unknown, caller: Caller) => Promise<unknown>;
    },
  handle: (ask: Asked<Body>) => Response | Promise<Response>,
): void {
  const read = reader(operation);
  const auditor = auditorOf(guard.audit, operation);
  declare(app, operation, operation.role, async (c) => {
    let caller: Caller | null = null;
    let ask: Ask<Body> | null = null;
    try {
      const said = guard.callerFrom(c.req.raw);
      caller = said instanceof Promise ? await said : said;
      const attempt = { method: operation.method, path: c.req.path };
      requireOpenToShips(caller, operation, attempt);
      ask = await read(c);
      requireRole(caller, operation.role);
      if (caller.ships !== undefined) requireShips(caller, (await operation.ships?.(ask)) ?? [], attempt);
    } catch (error) {
      auditor.refused(c, error);
      const isUnread = caller !== null && ask === null && !(error instanceof ShipScopeError);
      if (caller === null || !isUnread || operation.onUnread === undefined) throw error;
      throw await operation.onUnread(error, caller);
    }
    const [asked, by] = [ask, caller];
    return auditor.write(c, by, (wrote) => handle({ ...asked, caller: by, wrote }));
  });
}

/** The path's uuids first, then the body. */
function reader<Body>(operation: Operation<Body>): (c: Context) => Promise<Ask<Body>> {
  const names = parameterNames(operation.path);
  const { body: schema, bodyBytesMax, bodyType } = operation;
  const parse = operation.read ?? ((parsed: unknown) => (schema ? checked(schema, parsed) : undefined) as Body); // Body is the schema's output
  return async (c) => {
    const values = new Map<string, string>();
    for (const name of names) values.set(name, parameter(name, c.req.param(name)));
    const param = (name: string): string => values.get(name) ?? "";
    if (!schema) return { c, param, body: parse(undefined), bodyText: "" };
    const parsed = bodyType !== undefined && hasType(c, bodyType.type) ? bodyType.parse : null;
    const sent = await (parsed === null ? jsonBodyText : bodyText)(c.req.raw, bodyBytesMax);
    return { c, param, body: readFields(parse, (parsed ?? parseBody)(sent), operation.badField), bodyText: sent };
  };
}

const hasType = (c: Context, type: string): boolean =>
  (c.req.raw.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase() === type;

/** The one place where a bad field becomes 422: what is no JSON at all was refused before, with 400. */
export function readFields<Body>(parse: (parsed: unknown) => Body, parsed: unknown, badField: 422 | undefined): Body {
  try {
    return parse(parsed);
  } catch (error) {
    if (badField === undefined || !(error instanceof InvalidRequestError)) throw error;
    const { field } = error.members;
    const name = typeof field === "string" ? field : "body";
    throw new InvalidFieldError(name, error.message.replace(`${name}: `, ""));
  }
}

function parameter(name: string, given: string | undefined): Uuid | string {
  if (name.endsWith("_id")) return pathUuid(name, given);
  const value = given ?? "";
  if (value.includes("\u0000") || !value.isWellFormed())
    throw new InvalidRequestError(`${name}: the path holds a NUL`, name);
  return value;
}

function declare<Body>(
  app: OpenAPIHono,
  operation: Operation<Body>,
  role: Role | null,
  handle: (c: Context) => Promise<Response>,
): void {
  const {
    method,
    path,
    summary,
    tag,
    query,
    body,
    bodyType,
    octets,
    accepted,
    answer,
    answerType = "application/json",
  } = operation;
  const names = parameterNames(path);
  const request = {
    ...(names.length > 0 && {
      params: z.object(Object.fromEntries(names.map((name) => [name, parameterSchema(name)]))),
    }),
    ...(query && { query }),
    ...(octets && {
      body: { required: true, content: { [octets]: { schema: z.string().openapi({ format: "binary" }) } } },
    }),
    ...(body && {
      body: {
        required: true,
        content: {
          "application/json": { schema: body },
          ...(bodyType && { [bodyType.type]: { schema: z.string() } }),
        },
      },
    }),
  };
  const route = createRoute({
    method,
    path,
    summary,
    tags: [tag],
    ...(role && { description: `Needs the role ${role}.`, security: [{ token: [] }, { key: [] }] }),
    request,
    responses: {
      [accepted ? 202 : 200]: {
        description: accepted ? "Begun" : "Done",
        content: { [answerType]: { schema: answer } },
      },
      default: { description: "Refused or failed", content: { "application/problem+json": { schema: problem } } },
    },
  });
  // Declared here, routed below: the library's own validators would parse the body again, by a JSON.parse that loses digits.
  app.openAPIRegistry.registerPath(route);
  app.on(method, route.getRoutingPath(), handle);
}

const problem = z
  .object({ title: z.string(), status: z.int(), detail: z.string(), code: z.string() })
  .openapi("Problem", { description: "RFC 9457. Further members name the offending ids." });

const parameterSchema = (name: string): z.ZodType =>
  name.endsWith("_id") ? z.string().openapi({ format: "uuid" }) : z.string();

const parameterNames = (path: string): string[] => [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");

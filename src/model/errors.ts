/**
 * Every error that a caller may see: one class a cause, each with a `code`, an HTTP `status` and the offending ids.
 * `http/app.ts` maps them once to problem+json (RFC 9457). The message says what is wrong and what to do next.
 */

/** Members that name the offending ids, beside title, status, detail and code. */
export type ProblemMembers = Readonly<Record<string, string | number | boolean | readonly (string | object)[]>>;

export abstract class OrreryError extends Error {
  abstract readonly code: string;
  abstract readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 410 | 412 | 413 | 415 | 422 | 429 | 503 | 504;
  readonly members: ProblemMembers;
  /** Seconds, for `Retry-After`. */
  readonly retryAfterS: number | null = null;

  constructor(detail: string, members: ProblemMembers = {}, options?: ErrorOptions) {
    super(detail, options);
    this.name = new.target.name;
    this.members = members;
  }
}

/** The request's shape is wrong: not JSON, a missing or mistyped field, a bad uuid. `field` is a path such as `data_products.3.id`. */
export class InvalidRequestError extends OrreryError {
  override readonly code = "invalid_request";
  override readonly status = 400;
  constructor(detail: string, field?: string) {
    super(detail, field === undefined ? {} : { field });
  }
}

/** JSON of the right shape with a field that cannot be used. `field` is a path such as `jobs.3.payload` or `params.day`. */
export class InvalidFieldError extends OrreryError {
  override readonly code = "invalid_field";
  override readonly status = 422;
  constructor(field: string, reason: string) {
    super(`${field}: ${reason}`, { field });
  }
}

export class UnauthorizedError extends OrreryError {
  override readonly code: string = "unauthorized";
  override readonly status = 401;
}

export class UnknownServiceError extends UnauthorizedError {
  override readonly code = "unknown_service";
  readonly service: string;
  constructor(service: string) {
    super(`Cannot accept service "${service}" as it is not configured: add it to REMOTE_APIS`, { service });
    this.service = service;
  }
}

export class TokenRefusedError extends OrreryError {
  override readonly code = "token_refused";
  override readonly status = 403;
  /** Whose it is, when that is certain (an expired token, a revoked key): for the audit, not for the caller. */
  readonly service: string | null;
  constructor(detail: string, service: string | null = null) {
    super(detail);
    this.service = service;
  }
}

export class RoleMissingError extends OrreryError {
  override readonly code = "role_missing";
  override readonly status = 403;
  readonly service: string;
  constructor(service: string, role: string) {
    super(`Service "${service}" lacks the role ${role}: ask an administrator for it`, { service, role });
    this.service = service;
  }
}

/** A browser sent its session along with a write, or a WebSocket, that no page of ours made. */
export class ForeignOriginError extends OrreryError {
  override readonly code = "foreign_origin";
  override readonly status = 403;
  constructor(origin: string | null) {
    super(
      origin === null
        ? "A write or a WebSocket by a session needs the header Origin: send a token or an API key instead"
        : `A write or a WebSocket by a session was asked for by ${origin}: only pages of this server may; where a proxy shows another address, set BASE_URL to it`,
    );
  }
}

const shipsNamedMax = 5;

/** A key that is for some ships only tried something else. `ship`: whose that is; null: it is no ship's, or not a ship's to decide. */
export class ShipScopeError extends OrreryError {
  override readonly code = "ship_out_of_scope";
  override readonly status = 403;
  readonly service: string;
  constructor(of: {
    readonly service: string;
    readonly ships: readonly string[];
    readonly tried: string;
    readonly ship: string | null;
  }) {
    const { service, ships, tried, ship } = of;
    const named = ships.slice(0, shipsNamedMax).join(", ") + (ships.length > shipsNamedMax ? ", …" : "");
    const why = ship === null ? "that is not for keys of ships" : `that is of ship ${ship}`;
    super(
      `Key "${service}" is for ${named} only, and cannot ${tried} as ${why}: ask an administrator for one that may`,
      {
        service,
        ships,
        ...(ship !== null && { ship }),
      },
    );
    this.service = service;
  }
}

/** Something named in the path or the body does not exist. `kind` as people say it: "dataset", "ship". */
export class NotFoundError extends OrreryError {
  override readonly code = "not_found";
  override readonly status = 404;
  constructor(kind: string, id: string, where = "") {
    super(`There is no ${kind} ${id}${where}`, { [`${kind.replaceAll(" ", "_")}_id`]: id });
  }
}

/** A callback's address is a secret, and not repeated. */
export class CallbackUnknownError extends OrreryError {
  override readonly code = "callback_unknown";
  override readonly status = 404;
  constructor() {
    super("Nobody waits for an answer at this address: it was used before, its time is over, or its job is tried anew");
  }
}

/** The path is known, the method is not. `allowed` becomes the `Allow` header. */
export class MethodNotAllowedError extends OrreryError {
  override readonly code = "method_not_allowed";
  override readonly status = 405;
  readonly allowed: readonly string[];
  constructor(method: string, allowed: readonly string[]) {
    super(`This path has no method ${method}: use one of ${allowed.join(", ")}`, { allowed });
    this.allowed = allowed;
  }
}

/** What is asked for is taken, or at odds with what is there. */
export class ConflictError extends OrreryError {
  override readonly code = "conflict";
  override readonly status = 409;
}

/** Somebody was quicker; an alarm is acknowledged once, unless it becomes graver. */
export class AlarmAcknowledgedError extends OrreryError {
  override readonly code = "alarm_acknowledged";
  override readonly status = 409;
  constructor(alarmId: string, by: string, at: string) {
    super(`Cannot acknowledge alarm ${alarmId} as ${by} has done so at ${at}: read it for the comment`, {
      alarm_id: alarmId,
      acknowledged_by: by,
      acknowledged_at: at,
    });
  }
}

export class BodyTooLargeError extends OrreryError {
  override readonly code = "body_too_large";
  override readonly status = 413;
  constructor(maxBytes: number) {
    super(`The body is larger than ${maxBytes} bytes: send less at once`, { max_bytes: maxBytes });
  }
}

export class MediaTypeError extends OrreryError {
  override readonly code = "media_type";
  override readonly status = 415;
  constructor(detail = "Cannot read the body: send it with Content-Type: application/json") {
    super(detail);
  }
}

export class IdempotencyKeyReusedError extends OrreryError {
  override readonly code = "idempotency_key_reused";
  override readonly status = 422;
  constructor(key: string) {
    super(`Idempotency-Key "${key}" was used with another body: use a new key for a new request`, { key });
  }
}

/** Well-formed, yet breaks a rule of what it describes (a pass that ends before it begins). */
export class RuleBrokenError extends OrreryError {
  override readonly code = "rule_broken";
  override readonly status = 422;
}

/** A bound was reached: try again. */
export class OverloadedError extends OrreryError {
  override readonly code = "overloaded";
  override readonly status = 503;
  override readonly retryAfterS = 1;
}

/** The write was done, but the audit does not say so: rare, and the caller must know that something happened. */
export class AuditUnavailableError extends OrreryError {
  override readonly code = "audit_unavailable";
  override readonly status = 503;
  constructor(cause: unknown) {
    super(
      "The change was made, but it could not be written to the audit: read it again before you repeat it",
      {},
      { cause },
    );
  }
}

/** The database did not answer in time, or not at all. */
export class StoreUnavailableError extends OrreryError {
  override readonly code = "store_unavailable";
  override readonly status = 503;
  override readonly retryAfterS = 1;
  constructor(cause: unknown) {
    super("The database did not answer: nothing was changed, try again shortly", {}, { cause });
  }
}

/** The lease ended before the result came. Drop the result: another holder may have the job. */
export class LeaseLostError extends OrreryError {
  override readonly code = "lease_lost";
  override readonly status = 409;
  /** `cancelled`: nobody runs it any more. */
  constructor(jobId: string, token: number, why: "superseded" | "cancelled" = "superseded") {
    const next = why === "cancelled" ? "the job was cancelled" : "the job is retried elsewhere";
    super(`Cannot complete job ${jobId} as lease ${token} has ended: stop, ${next}`, { job_id: jobId, token, why });
  }
}

/** What the operator must change before a start: configuration, environment, a template, a port. Shown without a stack trace. */
export class SetupError extends Error {
  override readonly name: string = "SetupError";
}

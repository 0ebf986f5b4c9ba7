/** Errors of calling a flow, beside those of errors.ts. */
import { OrreryError } from "./errors.ts";

/** The client has sent as many requests in the last minute as it may. */
export class FlowRateError extends OrreryError {
  override readonly code = "flow_rate_exceeded";
  override readonly status = 429;
  override readonly retryAfterS: number | null;
  constructor(flow: string, client: string, perMin: number, waitMs: number) {
    const isNever = !Number.isFinite(waitMs);
    const retryAfterS = isNever ? null : Math.max(1, Math.ceil(waitMs / 1000));
    const then = isNever ? "send fewer at once" : `try again in ${retryAfterS} s`;
    super(`Cannot take more from "${client}", who may send ${perMin} inputs a minute to flow "${flow}": ${then}`, {
      client,
      requests_per_min: perMin,
    });
    this.retryAfterS = retryAfterS;
  }
}

/** Where no reason is known why it is not open: its first try has not ended. */
export const notHeardYet = "its onStart, or what it needs, has not answered yet";

/** What it needs, such as the server of a sink, is away, or something of it is wrong. */
export class FlowNotOpenError extends OrreryError {
  override readonly code = "flow_not_open";
  override readonly status = 503;
  override readonly retryAfterS = 5;
  constructor(flow: string, state: "opening" | "failed", reason: string | null) {
    const then = state === "opening" ? "try again" : "it must be mended first";
    super(`Flow "${flow}" is not open: ${reason ?? notHeardYet}: ${then}`, {});
  }
}

/** As many inputs wait for their turn as may. */
export class FlowBusyError extends OrreryError {
  override readonly code = "flow_queue_full";
  override readonly status = 503;
  override readonly retryAfterS = 1;
  constructor(flow: string, queuedMax: number) {
    super(`Cannot take more as flow "${flow}" has ${queuedMax} inputs waiting, the most it may: try again`, {});
  }
}

/** What was asked goes on; nobody hears what comes of it. */
export class FlowDeadlineError extends OrreryError {
  override readonly code = "flow_deadline";
  override readonly status = 504;
  constructor(flow: string, requestId: string, deadlineMs: number) {
    super(`Flow "${flow}" has no answer within ${deadlineMs / 1000} s: it may still be doing what was asked`, {
      request_id: requestId,
      deadline_s: deadlineMs / 1000,
    });
  }
}

/** The input does not fit the flow's schema. */
export class FlowInputError extends OrreryError {
  override readonly code = "flow_input";
  override readonly status = 422;
  constructor(reason: string, requestId: string) {
    super(`Cannot use the input: ${reason}`, { request_id: requestId });
  }
}

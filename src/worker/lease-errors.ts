/** How a request of a remote worker can end other than well: wait and try again, give the lease up, or never send this again. */
import { LeaseLostError } from "../model/errors.ts";

/** Nobody answered, or the server is busy: the same request may work later. */
export class ServerAwayError extends Error {
  readonly retryAfterMs: number | null;
  constructor(message: string, retryAfterMs: number | null = null, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterMs = retryAfterMs;
  }
}

/** 401 or 403: the token is not accepted, or its role is missing. */
export class WorkerRefusedError extends Error {}

/** Another 4xx: the server will never take this request as it is. */
export class RequestRefusedError extends Error {
  readonly status: number;
  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** The worker let go by itself: its last heartbeat that was answered is older than its lease. As good as lost: what runs is killed at once. */
export class LeaseOverdueError extends LeaseLostError {
  override readonly message: string;
  constructor(jobId: string, token: number, leaseMs: number) {
    super(jobId, token);
    this.message = `stopped by its worker: no heartbeat was answered within the lease of ${leaseMs / 1000} s`;
  }
}

/** The worker is told to stop, and what it runs may not go on. */
export class WorkerStoppedError extends Error {}

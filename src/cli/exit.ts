/** How a command that talks to a server ends: one code a cause, so that scripts can tell "it failed" from "nobody was there". */

export const exitCodes = { done: 0, failed: 1, usage: 2, notFound: 3, refused: 4, unavailable: 5 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** For `--help` of every command that talks to a server. */
export const exitCodesText =
  "Ends with 0 done, 1 failed, 2 wrong usage or configuration, 3 not found, 4 refused (401, 403), 5 not reachable or not available.";

/** Ends the command with a sentence for people, no stack trace. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;
  constructor(message: string, exitCode: ExitCode = exitCodes.failed, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The server's answer was an error. `code` is the problem's, such as `lease_lost`; `members` are its other fields. */
export class AnswerError extends CommandError {
  readonly status: number;
  readonly code: string;
  readonly members: Readonly<Record<string, unknown>>;
  readonly retryAfterS: number | null;
  constructor(
    message: string,
    answer: { status: number; code: string; members: Record<string, unknown>; retryAfterS: number | null },
  ) {
    super(message, exitCodeOf(answer.status));
    this.status = answer.status;
    this.code = answer.code;
    this.members = answer.members;
    this.retryAfterS = answer.retryAfterS;
  }
}

/** Nobody answered, or not in time. */
export class UnreachableError extends CommandError {
  constructor(message: string, cause: unknown) {
    super(message, exitCodes.unavailable, { cause });
  }
}

function exitCodeOf(status: number): ExitCode {
  if (status === 404) return exitCodes.notFound;
  if (status === 401 || status === 403) return exitCodes.refused;
  if (status === 429 || status === 502 || status === 503 || status === 504) return exitCodes.unavailable;
  return exitCodes.failed;
}

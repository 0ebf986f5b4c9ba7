/** What a flow needs that cannot be reached now, as opposed to what is wrong with its file: a refused connection, no answer in time, a server that starts. */
import { SetupError } from "../model/errors.ts";

/** Tried again later. Whatever else `SetupError` says stays until somebody changes it. */
export class AwayError extends SetupError {
  override readonly name = "AwayError";
}

/** A certificate that is not trusted or of another name, or an end that speaks no TLS, stays so; who cannot be reached may be back in a moment. */
export function isTlsFault(error: unknown): boolean {
  if (error instanceof AggregateError && error.errors.some(isTlsFault)) return true;
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? String(error.code) : "";
  return /CERT|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|ERR_SSL|ERR_TLS|EPROTO/.test(code) || isTlsFault(error.cause);
}

/** Looks at all at once. What is wrong is thrown at once, what is away only when nothing else was wrong. */
export async function checkAll(checks: readonly (() => Promise<void>)[]): Promise<void> {
  let away: AwayError | null = null;
  await Promise.all(
    checks.map((check) =>
      check().catch((error: unknown) => {
        if (!(error instanceof AwayError)) throw error;
        away ??= error;
      }),
    ),
  );
  if (away !== null) throw away;
}

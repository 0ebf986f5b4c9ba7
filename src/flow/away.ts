/** What a flow needs that cannot be reached now, as opposed to what is wrong with its file: a refused connection, no answer in time, a server that starts. */
import { SetupError } from "../model/errors.ts";

/** Tried again later. Whatever else `SetupError` says stays until somebody changes it. */
export class AwayError extends SetupError {
  override readonly name = "AwayError";
}

/** What to throw of what cannot be used: it is tried again later where it is away. */
export const unusable = (isAway: boolean, reason: string, options?: ErrorOptions): SetupError =>
  new (isAway ? AwayError : SetupError)(reason, options);

/** An error and all that is wrapped in it, outside first. */
export function* errorsIn(error: unknown): Generator<Error> {
  if (!(error instanceof Error)) return;
  yield error;
  if (error instanceof AggregateError) for (const inner of error.errors) yield* errorsIn(inner);
  yield* errorsIn(error.cause);
}

const tlsCode = /CERT|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|ERR_SSL|ERR_TLS|EPROTO/;

/** A certificate that is not trusted or of another name, or an end that speaks no TLS, stays so; who cannot be reached may be back in a moment. */
export const isTlsFault = (error: unknown): boolean =>
  errorsIn(error).some((one) => "code" in one && tlsCode.test(String(one.code)));

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

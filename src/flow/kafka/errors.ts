/** What the errors of the Kafka library mean: it wraps them in one another, one for each try and each broker. */
import { messageOf } from "../../compute/function.ts";

/** The innermost says what happened, of the last try. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors.at(-1));
  return error instanceof Error && error.cause instanceof Error ? reasonOf(error.cause) : messageOf(error);
}

/** Whether a broker answered with one of these codes of the protocol. */
export function hasApiCode(error: unknown, codes: readonly number[]): boolean {
  if (error instanceof AggregateError && error.errors.some((inner) => hasApiCode(inner, codes))) return true;
  if (!(error instanceof Error)) return false;
  return ("apiCode" in error && codes.includes(Number(error.apiCode))) || hasApiCode(error.cause, codes);
}

/** What the errors of the Kafka library mean: it wraps them in one another, one for each try and each broker. */
import { AuthenticationError } from "@platformatic/kafka";
import { messageOf } from "../../compute/function.ts";
import { errorsIn, isTlsFault } from "../away.ts";

/** The innermost says what happened, of the last try. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors.at(-1));
  return error instanceof Error && error.cause instanceof Error ? reasonOf(error.cause) : messageOf(error);
}

/**
 * What a broker says while its cluster comes up or moves: no leader, another leader, timed out, broker or replica or network away, coordinator
 * loading, away or elsewhere, a rebalance, another controller, no listener, throttled. It may say something else in a moment.
 */
const passingCodes = new Set([5, 6, 7, 8, 9, 13, 14, 15, 16, 27, 41, 72, 89]);

/** Nobody answered, or not yet what was asked for: as opposed to an answer that stays until somebody changes something. */
export const isAway = (error: unknown): boolean =>
  apiCodesOf(error).every((code) => passingCodes.has(code)) && !isTlsFault(error) && !errorsIn(error).some(isForged);

/** What a broker answered while it was asked who it is made no sense; where the connection broke meanwhile, that is the cause. */
const isForged = (error: Error): boolean => error instanceof AuthenticationError && !(error.cause instanceof Error);

/** Whether a broker answered with one of these codes of the protocol. */
export const hasApiCode = (error: unknown, codes: readonly number[]): boolean =>
  apiCodesOf(error).some((code) => codes.includes(code));

const apiCodesOf = (error: unknown): number[] =>
  [...errorsIn(error)].flatMap((one) => ("apiCode" in one && typeof one.apiCode === "number" ? one.apiCode : []));

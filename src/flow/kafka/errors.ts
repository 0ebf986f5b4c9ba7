/** What the errors of the Kafka library mean: it wraps them in one another, one for each try and each broker. */
import { AuthenticationError } from "@platformatic/kafka";
import { messageOf } from "../../compute/function.ts";
import { isTlsFault } from "../away.ts";

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
export function isAway(error: unknown): boolean {
  const codes = apiCodesOf(error);
  return codes.every((code) => passingCodes.has(code)) && !isTlsFault(error) && !isForged(error);
}

/** What a broker answered while it was asked who it is made no sense; where the connection broke meanwhile, that is the cause. */
function isForged(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isForged);
  if (!(error instanceof Error)) return false;
  return error.cause instanceof Error ? isForged(error.cause) : error instanceof AuthenticationError;
}

function apiCodesOf(error: unknown): number[] {
  if (!(error instanceof Error)) return [];
  const own = "apiCode" in error && typeof error.apiCode === "number" ? [error.apiCode] : [];
  const inner = error instanceof AggregateError ? error.errors.flatMap(apiCodesOf) : [];
  return [...own, ...inner, ...apiCodesOf(error.cause)];
}

/** Whether a broker answered with one of these codes of the protocol. */
export function hasApiCode(error: unknown, codes: readonly number[]): boolean {
  if (error instanceof AggregateError && error.errors.some((inner) => hasApiCode(inner, codes))) return true;
  if (!(error instanceof Error)) return false;
  return ("apiCode" in error && codes.includes(Number(error.apiCode))) || hasApiCode(error.cause, codes);
}

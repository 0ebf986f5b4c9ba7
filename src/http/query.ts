/** Query parameters of lists: whole numbers within bounds, one of several words; 400 names what is wrong. */
import { InvalidRequestError } from "../model/errors.ts";

/** Of a repeated parameter the first counts, unknown ones are ignored. */
export function queryOf(url: string): URLSearchParams {
  return new URL(url, "http://any").searchParams;
}

export function wholeOf(
  query: URLSearchParams,
  name: string,
  bounds: { min: number; max: number; or: number },
): number {
  const given = query.get(name);
  if (given === null) return bounds.or;
  const value = /^\d{1,15}$/.test(given) ? Number(given) : -1;
  if (value >= bounds.min && value <= bounds.max) return value;
  throw new InvalidRequestError(`${name}: a whole number from ${bounds.min} to ${bounds.max} is needed`, name);
}

/** Null when the parameter is absent. */
export function wordOf<Word extends string>(query: URLSearchParams, name: string, words: readonly Word[]): Word | null {
  const given = query.get(name);
  if (given === null) return null;
  const word = words.find((known) => known === given);
  if (word !== undefined) return word;
  throw new InvalidRequestError(`${name}: one of ${words.join(", ")} is needed`, name);
}

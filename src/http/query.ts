/** Query parameters of lists: whole numbers within bounds, one of several words; 400 names what is wrong. */

import type { Instant } from "../model/clock.ts";
import { InvalidRequestError } from "../model/errors.ts";
import { parseUuid, type Uuid } from "../model/ids.ts";
import { parseInstant } from "./date.ts";

/** Of a repeated parameter the first counts, unknown ones are ignored. */
export function queryOf(url: string): URLSearchParams {
  return new URL(url, "http://any").searchParams;
}

interface Bounds {
  readonly min: number;
  readonly max: number;
  /** When it is absent. */
  readonly or: number;
}

export const wholeOf = (query: URLSearchParams, name: string, bounds: Bounds): number =>
  within(query, name, bounds, /^\d{1,15}$/, "a whole number");

export const numberOf = (query: URLSearchParams, name: string, bounds: Bounds): number =>
  within(query, name, bounds, /^[+-]?\d{1,9}(\.\d{1,9})?$/, "a number");

function within(query: URLSearchParams, name: string, { min, max, or }: Bounds, shape: RegExp, what: string): number {
  const given = query.get(name);
  if (given === null) return or;
  const value = shape.test(given) ? Number(given) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new InvalidRequestError(`${name}: ${what} from ${min} to ${max} is needed`, name);
}

/** Null when the parameter is absent. */
export function wordOf<Word extends string>(query: URLSearchParams, name: string, words: readonly Word[]): Word | null {
  const given = query.get(name);
  if (given === null) return null;
  const word = words.find((known) => known === given);
  if (word !== undefined) return word;
  throw new InvalidRequestError(`${name}: one of ${words.join(", ")} is needed`, name);
}

/** Null when the parameter is absent. */
export function uuidOf(query: URLSearchParams, name: string): Uuid | null {
  const given = query.get(name);
  if (given === null) return null;
  const id = parseUuid(given);
  if (id !== null) return id;
  throw new InvalidRequestError(`${name}: "${given.slice(0, 64)}" is no uuid`, name);
}

/** Null when the parameter is absent. */
export function instantIn(query: URLSearchParams, name: string): Instant | null {
  const given = query.get(name);
  if (given === null) return null;
  const instant = parseInstant(given);
  if (instant !== null) return instant;
  throw new InvalidRequestError(`${name}: "${given.slice(0, 64)}" is no date: write it as 2026-01-31T10:20:30Z`, name);
}

/** A text that the store can be asked for; null when the parameter is absent. What no row can hold matches none. */
export function textIn(query: URLSearchParams, name: string): string | null {
  return query.get(name)?.replaceAll("\u0000", "\ufffd").toWellFormed() ?? null;
}

/** `name=true` or `name=false`; false when it is absent. */
export function flagIn(query: URLSearchParams, name: string): boolean {
  return wordOf(query, name, ["true", "false"]) === "true";
}

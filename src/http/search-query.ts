/** Reads the query of a search: `search_by` and `page` are required, `in` and `limit` are Orrery's own. 400 names what is wrong. */
import { InvalidRequestError } from "../model/errors.ts";

export interface SearchAsk {
  readonly text: string;
  /** From 0. */
  readonly page: number;
  readonly limit: number;
  readonly inProducts: boolean;
}

const pageMax = 4_294_967_295;
const rowsAPage = 50;
const limitMax = 200;

/** `url` of the request; unknown parameters are ignored, of a repeated one the first counts. */
export function readSearch(url: string): SearchAsk {
  const query = new URL(url, "http://any").searchParams;
  const text = query.get("search_by");
  if (text === null) throw new InvalidRequestError("search_by: it is required, though it may be empty", "search_by");
  if (text.includes("\u0000")) throw new InvalidRequestError("search_by: the text holds a NUL", "search_by");
  const where = query.get("in");
  if (where !== null && where !== "products") throw new InvalidRequestError('in: only "products" is known', "in");
  const limit = query.get("limit");
  return {
    text,
    page: whole("page", query.get("page") ?? "", 0, pageMax),
    limit: limit === null ? rowsAPage : whole("limit", limit, 1, limitMax),
    inProducts: where === "products",
  };
}

function whole(name: string, given: string, min: number, max: number): number {
  const value = /^\d{1,20}$/.test(given) ? Number(given) : -1;
  if (value >= min && value <= max) return value;
  throw new InvalidRequestError(`${name}: a whole number from ${min} to ${max} is needed`, name);
}

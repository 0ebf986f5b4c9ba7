/** Names in paths that are also parts of files, keys and commands: nothing else passes. */
import { InvalidRequestError, NotFoundError } from "../model/errors.ts";
import { shipNamePattern } from "../model/pass.ts";

type Named = "ship" | "station" | "contact";

/** The name of a ship, a station or a contact; 400 otherwise. `what` is its field. */
export function nameIn(what: Named, given: string): string {
  if (shipNamePattern.test(given)) return given;
  throw new InvalidRequestError(
    `${what}: 1 to 64 letters, digits, dots, hyphens and underscores are needed, the first a letter or a digit`,
    what,
  );
}

/** What a path names: 400 for what is no name, 404 when `find` finds nothing. */
export async function named<Row>(
  what: Named,
  given: string,
  find: (name: string) => Promise<Row | null>,
): Promise<Row> {
  const name = nameIn(what, given);
  const row = await find(name);
  if (row === null) throw new NotFoundError(what, name);
  return row;
}

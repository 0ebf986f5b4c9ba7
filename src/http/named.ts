/** Names in paths that are also parts of files, keys and commands: nothing else passes. */
import { InvalidRequestError } from "../model/errors.ts";
import { shipNamePattern } from "../model/pass.ts";

/** The name of a ship, a station or a contact; 400 otherwise. `what` is its field. */
export function nameIn(what: "ship" | "station" | "contact", given: string): string {
  if (shipNamePattern.test(given)) return given;
  throw new InvalidRequestError(
    `${what}: 1 to 64 letters, digits, dots, hyphens and underscores are needed, the first a letter or a digit`,
    what,
  );
}

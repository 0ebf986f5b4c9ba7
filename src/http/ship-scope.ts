/**
 * Keys that are for some ships only, held to these in one place: the guard of every operation asks here. An operation that does not
 * say whose ships it concerns is closed to such keys, so a new one is, too.
 */
import { ShipScopeError } from "../model/errors.ts";
import type { Caller } from "../model/service.ts";

interface Attempt {
  readonly method: string;
  readonly path: string;
}

/** Before anything of the request is read. */
export function requireOpenToShips(caller: Caller, operation: { readonly ships?: unknown }, attempt: Attempt): void {
  if (caller.ships !== undefined && operation.ships === undefined) throw scopeError(caller, attempt, null);
}

/** Throws 403 unless all of them are the caller's; none at all is not enough. */
export function requireShips(caller: Caller, concerned: readonly string[], attempt: Attempt): void {
  const { ships } = caller;
  if (ships === undefined) return;
  const foreign = concerned.find((ship) => !ships.includes(ship));
  if (foreign !== undefined || concerned.length === 0) throw scopeError(caller, attempt, foreign ?? null);
}

const scopeError = ({ service, ships = [] }: Caller, { method, path }: Attempt, ship: string | null): ShipScopeError =>
  new ShipScopeError({ service, ships, tried: `${method.toUpperCase()} ${path}`, ship });

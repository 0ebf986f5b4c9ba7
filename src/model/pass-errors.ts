/** What keeps passes from being planned. */
import { ConflictError, OrreryError } from "./errors.ts";
import type { PassRow } from "./pass.ts";
import type { Clash, ClashCause, Placement } from "./pass-conflicts.ts";

const namedMax = 5;

interface ConflictContext {
  /** "plan", if absent: what cannot be done. */
  readonly verb?: "extend";
  /** How many passes were asked for. */
  readonly count: number;
  readonly portMin: number;
  readonly portMax: number;
  /** A clash as the API shows it. */
  readonly shown: (clash: Clash) => object;
}

/** Other passes are in the way; `pass_ids` names all of them, `conflicts` says where they are. */
export class PassConflictError extends ConflictError {
  constructor(
    { clashes, refusals }: { readonly clashes: readonly Clash[]; readonly refusals: Placement["refusals"] },
    { verb, count, portMin, portMax, shown }: ConflictContext,
  ) {
    const refused = clashes.filter(({ index }) => refusals.some((refusal) => refusal.index === index));
    const what = count === 1 ? "the pass" : `the ${count} passes`;
    const without = refusals.find(({ why }) => why === "no_port");
    const reasons = refused.slice(0, namedMax).map((clash) => reasonOf(clash, count > 1));
    if (refused.length > namedMax) reasons.push(`${refused.length - namedMax} more`);
    if (without !== undefined) {
      const which = count > 1 ? ` of pass ${without.index}` : "";
      reasons.push(`every port from ${portMin} to ${portMax} is taken in the window${which}`);
    }
    const [first] = refused;
    super(`Cannot ${verb ?? "plan"} ${what} as ${reasons.join("; ")}: ${adviceOf(first?.on[0] ?? "port")}`, {
      field: first?.on.at(-1) ?? "port",
      ...(first !== undefined && { pass_id: first.with.passId, port: first.with.port }),
      pass_ids: [...new Set(refused.map((clash) => clash.with.passId))],
      conflicts: refused.map(shown),
    });
  }
}

function reasonOf({ index, with: other, withIndex, on }: Clash, isList: boolean): string {
  const named: Readonly<Record<ClashCause, string>> = {
    ship: `ship ${other.ship}`,
    station: `station ${other.station}`,
    port: `port ${other.port} of ${other.host}`,
  };
  const what = on.map((cause) => named[cause]).join(", ");
  const whose = withIndex === null ? `pass ${other.passId} of ${other.ship}` : `pass ${withIndex} of the list`;
  return `${isList ? `for pass ${index} ` : ""}${what} is taken by ${whose} in that window`;
}

const adviceOf = (cause: ClashCause): string =>
  cause === "port"
    ? 'choose another port, "auto", or another time'
    : "choose another time, or say by on_conflict what is to give way";

/** Its ship's retention or quota took the files of the pass away. What is told of it, its ledger first, stays. */
export class ArchiveRemovedError extends OrreryError {
  override readonly code = "archive_removed";
  override readonly status = 410;
  constructor(what: string, { passId, ship, archiveRemovedAt, archiveRemovedWhy }: PassRow) {
    const when = archiveRemovedAt ?? "";
    super(
      `The ${what} of pass ${passId} was removed at ${when} as ${archiveRemovedWhy}; its ledger stays at /api/pass/${passId}/ledger. ` +
        `To keep later ones for longer, change retention or quota of PUT /api/ship/${ship}`,
      { pass_id: passId, ship, removed_date: when },
    );
  }
}

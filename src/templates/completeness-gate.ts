/**
 * The internal compute of `require`: looks at the ledger that the run's pass has now. Met, it succeeds with what it found; else it fails for
 * good, so that what comes after it waits, until late data clears it.
 */
import type { Compute, Outcome, Task } from "../compute/compute.ts";
import { dispatchOf } from "../compute/compute.ts";
import { messageOf } from "../compute/function.ts";
import type { LedgerJson } from "../ground/ledger-json.ts";
import { parseJson } from "../model/json.ts";
import { findProgress } from "../store/pass-progress.ts";
import type { Sql } from "../store/sql.ts";
import { type Params, passIdOf } from "./params.ts";

export function createCompletenessGate(sql: Sql): Compute {
  return { kind: "internal", ...dispatchOf({}, 64), run: (task) => judge(sql, task) };
}

async function judge(sql: Sql, task: Task): Promise<Outcome> {
  try {
    const given = (task.payload === null ? null : parseJson(task.payload)) as Record<string, unknown> | null; // JSON
    const asked = requirementOf(given);
    const passId = passIdOf((given?.params ?? {}) as Params); // an object, or it names no pass
    if (asked === null || passId === null)
      return failed('nothing to judge: {"require": {"completeness": 0.999}, "params": {"pass": {"id": …}}} is needed');
    const progress = (await findProgress(sql, [passId])).get(passId);
    if (progress === undefined) return failed(`there is no ledger of pass ${passId}: it received nothing`);
    // Written by us as JSON of this type.
    return outcomeOf(asked, JSON.parse(progress.ledger) as LedgerJson);
  } catch (error) {
    return { outcome: "failed", error: messageOf(error), output: "" };
  }
}

interface Asked {
  readonly completeness: number;
  readonly apids?: number[];
}

/** What a gate's passthrough asks for; null: it is none of ours. */
export function requirementOf(passthrough: Readonly<Record<string, unknown>> | null): Asked | null {
  const asked = passthrough?.require;
  if (typeof asked !== "object" || asked === null || !("completeness" in asked)) return null;
  const { completeness } = asked;
  if (typeof completeness !== "number") return null;
  if (!("apids" in asked)) return { completeness };
  const { apids } = asked;
  return Array.isArray(apids) && apids.every((apid) => typeof apid === "number") ? { completeness, apids } : null;
}

function outcomeOf({ completeness, apids }: Asked, ledger: LedgerJson): Outcome {
  const seen = apids?.map((apid) => ofApid(ledger, apid));
  const worst = seen?.reduce((least, one) => (one.completeness < least.completeness ? one : least));
  const found = worst?.completeness ?? ledger.completeness;
  if (found >= completeness) {
    const missing = seen?.reduce((sum, one) => sum + one.missing, 0) ?? ledger.missing;
    const passback = JSON.stringify({ completeness: found, missing, required: completeness, apids: seen ?? null });
    return { outcome: "succeeded", passback, link: null, output: "" };
  }
  const whose = worst === undefined ? "the pass" : `APID ${worst.apid}`;
  const is = `completeness ${shown(found, completeness)} of ${whose} is below ${completeness}`;
  return failed(`${is}: ${lossOf(ledger, worst)}; it runs again when late data comes in`);
}

interface SeenApid {
  readonly apid: number;
  readonly completeness: number;
  readonly missing: number;
  readonly stored: number;
}

function ofApid({ apids }: LedgerJson, apid: number): SeenApid {
  const account = apids.find((one) => one.apid === apid);
  if (account === undefined) return { apid, completeness: 0, missing: 0, stored: 0 };
  const { stored, conflicts, missing } = account;
  const distinct = stored - conflicts;
  return { apid, completeness: distinct + missing === 0 ? 0 : distinct / (distinct + missing), missing, stored };
}

/** Where packets were lost is known of a pass, not of an APID: what the kernel drops has no header. */
function lossOf(ledger: LedgerJson, apid: SeenApid | undefined): string {
  if (apid !== undefined && apid.stored === 0) return "no packet of it came";
  if (ledger.stored === 0) return "nothing was stored";
  const rejected = Object.values(ledger.rejected).reduce((sum, count) => sum + count, 0);
  const where = [
    [ledger.kernel_drops ?? 0, "in kernel"],
    [ledger.queue_drops + ledger.store_drops, "in queue and store"],
    [rejected, "rejected"],
    [ledger.outage, "in an outage"],
    [ledger.upstream, "upstream"],
  ] as const;
  const told = where.filter(([count]) => count > 0).map(([count, place]) => `${count} ${place}`);
  const places = told.join(", ") || "nowhere that is known";
  if (apid === undefined || apid.missing === ledger.missing)
    return `${apid?.missing ?? ledger.missing} missing (${places})`;
  return `${apid.missing} missing (of the whole pass ${ledger.missing}: ${places})`;
}

/** Four digits, or as many as it takes to see that it is less. */
function shown(found: number, needed: number): string {
  const short = found.toFixed(4);
  return Number(short) < needed ? short : String(found);
}

const failed = (error: string): Outcome => ({ outcome: "failed", error, isFinal: true, output: "" });

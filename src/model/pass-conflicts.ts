/**
 * Which passes cannot be at once, and what becomes of those that are asked for: pure, over the passes that are there. Two passes
 * clash over a **ship** or a **station** that both have between AOS and LOS, and over a **port** of one host while both have it
 * open, which begins a margin earlier and ends one later.
 */
import { derivedUuid } from "./ids.ts";
import type { PassId } from "./pass.ts";

export const conflictPolicies = ["reject", "priority", "trim", "split"] as const;
/**
 * `reject`: nothing is planned. `priority`: the lower one is cancelled; of two alike, the one that is asked for. `trim`: the longest
 * free part is planned. `split`: every free part is.
 */
export type ConflictPolicy = (typeof conflictPolicies)[number];

export type ClashCause = "ship" | "station" | "port";

/** A pass that is asked for. Times in ms since 1970. */
export interface Claim {
  readonly passId: PassId;
  readonly ship: string;
  readonly station: string | null;
  readonly host: string;
  /** null: any free one of the range. */
  readonly port: number | null;
  readonly aosMs: number;
  readonly losMs: number;
  readonly prepassMarginMs: number;
  readonly drainMarginMs: number;
  readonly priority: number;
}

/** A pass that is there, or was accepted a moment before. */
export interface Booking extends Claim {
  readonly port: number;
}

export interface Clash {
  /** Which of the claims, from 0. */
  readonly index: number;
  readonly with: Booking;
  /** Which of the claims the other one comes of; null: it was there. */
  readonly withIndex: number | null;
  readonly on: readonly ClashCause[];
}

export interface Placed extends Booking {
  /** Which of the claims it comes of, from 0. */
  readonly index: number;
  /** Not null: it is cancelled from the start, for this reason. */
  readonly cancelled: string | null;
}

export interface Placement {
  readonly placed: readonly Placed[];
  /** Stored passes that make room. */
  readonly cancels: readonly { readonly passId: PassId; readonly reason: string }[];
  readonly clashes: readonly Clash[];
  /** Claims that cannot be met, by their index, and why: then none is. */
  readonly refusals: readonly { readonly index: number; readonly why: "clash" | "no_port" }[];
}

export interface PlacementRules {
  readonly policy: ConflictPolicy;
  readonly portMin: number;
  readonly portMax: number;
  /** Stored passes of other ships than these never give way; absent: priorities alone decide. */
  readonly ships?: readonly string[];
  /** 0 ≤ n < 1: which free port is taken. Nodes that share a machine but no store would all begin with the lowest one. */
  readonly random: () => number;
}

/** A part of a pass that is shorter than this is not worth a port. */
export const partMsMin = 1_000;
const anyAddresses = new Set(["0.0.0.0", "::"]);

/** One after the other: a claim finds those before it among the bookings. */
export function place(claims: readonly Claim[], booked: readonly Booking[], rules: PlacementRules): Placement {
  const standing = [...booked];
  const placed: Placed[] = [];
  const cancels: { passId: PassId; reason: string }[] = [];
  const clashes: Clash[] = [];
  const refusals: { index: number; why: "clash" | "no_port" }[] = [];

  for (const [index, claim] of claims.entries()) {
    const found = clashesOf(claim, standing);
    for (const clash of found) {
      const ours = placed.find(({ passId }) => passId === clash.with.passId);
      clashes.push({ index, ...clash, withIndex: ours?.index ?? null });
    }
    const { parts, lost } = partsOf(
      claim,
      found.map((clash) => clash.with),
      rules,
    );
    if (parts.length === 0) refusals.push({ index, why: "clash" });
    if (lost === null && rules.policy === "priority") {
      for (const { with: other } of found) {
        const reason = `cancelled for pass ${claim.passId} of priority ${claim.priority}`;
        standing.splice(standing.indexOf(other), 1);
        const ours = placed.findIndex(({ passId }) => passId === other.passId);
        const before = placed[ours];
        if (before === undefined) cancels.push({ passId: other.passId, reason });
        else placed[ours] = { ...before, cancelled: reason };
      }
    }
    for (const part of parts) {
      const port = part.port ?? (lost === null ? freePort(part, standing, rules) : rules.portMin);
      if (port === null) {
        refusals.push({ index, why: "no_port" });
        break;
      }
      const booking = { ...part, port };
      placed.push({ ...booking, index, cancelled: lost });
      if (lost === null) standing.push(booking);
    }
  }
  return { placed, cancels, clashes, refusals };
}

/** What is left of a claim among its rivals; `lost`: why it is cancelled instead. */
function partsOf(
  claim: Claim,
  rivals: readonly Booking[],
  { policy, ships }: Pick<PlacementRules, "policy" | "ships">,
): { parts: readonly Claim[]; lost: string | null } {
  if (rivals.length === 0) return { parts: [claim], lost: null };
  switch (policy) {
    case "reject":
      return { parts: [], lost: null };
    case "priority": {
      const stronger = rivals.find((rival) => !givesWay(rival, claim.priority, ships));
      if (stronger === undefined) return { parts: [claim], lost: null };
      const whose = stronger.priority < claim.priority ? `ship ${stronger.ship}` : `priority ${stronger.priority}`;
      return { parts: [claim], lost: `cancelled for pass ${stronger.passId} of ${whose}` };
    }
    case "trim": {
      const [longest] = freeParts(claim, rivals).sort((a, b) => b.losMs - b.aosMs - (a.losMs - a.aosMs));
      return { parts: longest === undefined ? [] : [longest], lost: null };
    }
    case "split":
      return {
        parts: freeParts(claim, rivals).map((part, i) => ({ ...part, passId: partId(claim.passId, i) })),
        lost: null,
      };
    default:
      throw policy satisfies never;
  }
}

/** Whether a pass that is there may be cancelled for one of this priority by whoever may write for `ships` only (absent: for all). */
export const givesWay = (
  rival: Pick<Booking, "priority" | "ship">,
  priority: number,
  ships: readonly string[] | undefined,
): boolean => rival.priority < priority && (ships === undefined || ships.includes(rival.ship));

/** The first part of a pass has its id. */
export const partId = (passId: PassId, i: number): PassId =>
  i === 0 ? passId : derivedUuid("part of pass", passId, String(i));

/** The claim without the times at which it would clash, in order. */
function freeParts(claim: Claim, rivals: readonly Booking[]): Claim[] {
  const taken = rivals
    .map((rival) => {
      const on = causesOf(claim, rival);
      // Port and window alike are free outside the longer of the two.
      const isOfPort = on.includes("port");
      return {
        fromMs: isOfPort ? opensMs(rival) - claim.drainMarginMs : rival.aosMs,
        toMs: isOfPort ? closesMs(rival) + claim.prepassMarginMs : rival.losMs,
      };
    })
    .sort((a, b) => a.fromMs - b.fromMs);
  const parts: Claim[] = [];
  // Parts that have one port may not have it at once either.
  const restMs = claim.port === null ? 0 : claim.prepassMarginMs + claim.drainMarginMs;
  let aosMs = claim.aosMs;
  for (const { fromMs, toMs } of [...taken, { fromMs: claim.losMs, toMs: claim.losMs }]) {
    const losMs = Math.min(fromMs, claim.losMs);
    const isLong = losMs - aosMs >= partMsMin;
    if (isLong) parts.push({ ...claim, aosMs, losMs });
    aosMs = Math.max(aosMs, toMs, isLong ? losMs + restMs : aosMs);
  }
  return parts;
}

/** Those of the bookings that the claim cannot be beside. */
export function clashesOf(claim: Claim, booked: readonly Booking[]): Pick<Clash, "with" | "on">[] {
  const clashes: Pick<Clash, "with" | "on">[] = [];
  for (const booking of booked) {
    const on = causesOf(claim, booking);
    if (on.length > 0) clashes.push({ with: booking, on });
  }
  return clashes;
}

function causesOf(claim: Claim, booking: Booking): ClashCause[] {
  const causes: ClashCause[] = [];
  if (claim.aosMs < booking.losMs && booking.aosMs < claim.losMs) {
    if (claim.ship === booking.ship) causes.push("ship");
    if (claim.station !== null && claim.station === booking.station) causes.push("station");
  }
  if (claim.port === booking.port && holdPortsAtOnce(claim, booking)) causes.push("port");
  return causes;
}

/** True: one port cannot be both's. */
const holdPortsAtOnce = (one: Claim, other: Claim): boolean =>
  (one.host === other.host || anyAddresses.has(one.host) || anyAddresses.has(other.host)) &&
  opensMs(one) < closesMs(other) &&
  opensMs(other) < closesMs(one);

const opensMs = ({ aosMs, prepassMarginMs }: Claim): number => aosMs - prepassMarginMs;
const closesMs = ({ losMs, drainMarginMs }: Claim): number => losMs + drainMarginMs;

function freePort(claim: Claim, standing: readonly Booking[], rules: PlacementRules): number | null {
  const taken = new Set(standing.filter((booking) => holdPortsAtOnce(claim, booking)).map(({ port }) => port));
  const free: number[] = [];
  for (let port = rules.portMin; port <= rules.portMax; port++) if (!taken.has(port)) free.push(port);
  return free[Math.floor(rules.random() * free.length)] ?? null;
}

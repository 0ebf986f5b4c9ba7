/**
 * A pass of the past, from its row: what must have happened to it is told to the real machine again, its listener with it. Kept are
 * when its port was first open, when each holder was first heard of, and how it ended; the rest follows from its window.
 */
import { type PassEvent, passMachine } from "../../actors/pass.ts";
import { epochMsOf, instantOf } from "../model/clock.ts";
import type { PassRow } from "../model/pass.ts";
import { type PastEvent, type ReplayedEvent, replay } from "../observe/replay.ts";
import { namePassActor } from "./inspection.ts";
import { contextOf } from "./pass-context.ts";

/** When each token's holder had first noted something: milliseconds since 1970. */
export type FirstNotes = ReadonlyMap<number, number>;

/** Of takeovers: a lease that moves about for hours tells nothing more. */
const takeoversMax = 50;

interface Told {
  readonly atMs: number;
  readonly event: PassEvent;
  readonly cause: string;
  /** It is not kept when that was: `atMs` is for the order alone. */
  readonly isGuessed?: boolean;
}

export function replayPass(pass: PassRow, notes: FirstNotes): ReplayedEvent[] {
  const told = toldOf(pass, notes);
  const input = { ...contextOf(pass), everOpen: false, reason: null };
  const events: PastEvent<PassEvent>[] = [
    {
      event: null,
      at: pass.createdAt,
      cause: "planned",
      by: pass.createdBy,
      why: null,
      stored: "planned",
      position: 0,
    },
    ...told.map(({ event, atMs, cause, isGuessed = false }, i) => ({
      event,
      at: isGuessed ? null : instantOf(atMs),
      cause,
      by: null,
      why: "reason" in event ? event.reason : null,
      stored: i === told.length - 1 ? pass.state : null,
      position: i + 1,
    })),
  ];
  return replay(passMachine, { id: pass.passId, input }, namePassActor(pass.passId), events);
}

function toldOf(pass: PassRow, notes: FirstNotes): Told[] {
  const reason = pass.reason ?? "";
  const endMs = epochMsOf(pass.modifiedAt);
  if (pass.token === 0) {
    if (pass.state === "missed")
      return [{ atMs: endMs, event: { type: "window.missed", reason }, cause: "nobody took it" }];
    if (pass.state === "cancelled")
      return [{ atMs: endMs, event: { type: "pass.cancelled", reason }, cause: "cancelled" }];
    return [];
  }
  const isCut = pass.state === "cancelled" || pass.state === "failed";
  const told = [...held(pass, notes), ...moved(pass)].sort((a, b) => a.atMs - b.atMs);
  const kept = isCut ? told.filter(({ atMs, event }) => atMs <= endMs && event.type !== "completion.stored") : told;
  if (pass.state === "cancelled")
    kept.push({ atMs: endMs, event: { type: "pass.cancelled", reason }, cause: "cancelled" });
  if (pass.state === "failed")
    kept.push({ atMs: endMs, event: { type: "work.failed", reason }, cause: "its work failed" });
  return kept;
}

/** Each holder's lease, and the port that it opened. */
function held(pass: PassRow, notes: FirstNotes): Told[] {
  const opensMs = epochMsOf(pass.aos) - pass.prepassMarginMs;
  const openedMs = pass.openedAt === null ? null : epochMsOf(pass.openedAt);
  const firstMs = Math.max(epochMsOf(pass.createdAt), Math.min(opensMs, openedMs ?? opensMs));
  const told: Told[] = [
    {
      atMs: firstMs,
      event: { type: "lease.taken", nowMs: firstMs, heardUntilMs: null },
      cause: "lease 1 taken",
      isGuessed: true,
    },
  ];
  const { receiveBufferBytes } = pass;
  if (openedMs !== null)
    told.push({
      atMs: openedMs,
      event: { type: "socket.opened", nowMs: openedMs, receiveBufferBytes },
      cause: "the port was open",
    });
  for (let token = 2; token <= Math.min(pass.token, takeoversMax); token++) {
    const nowMs = notes.get(token);
    if (nowMs === undefined || openedMs === null) continue; // whoever held it then has noted nothing
    told.push({
      atMs: nowMs,
      event: { type: "lease.taken", nowMs, heardUntilMs: nowMs },
      cause: `lease ${token} taken over`,
    });
    if (nowMs < epochMsOf(pass.los))
      told.push({
        atMs: nowMs,
        event: { type: "socket.opened", nowMs, receiveBufferBytes },
        cause: "the port was open again",
      });
  }
  return told;
}

/** What time did to it, as far as its state says that it did. */
function moved(pass: PassRow): Told[] {
  const [aosMs, losMs, endMs] = [epochMsOf(pass.aos), epochMsOf(pass.los), epochMsOf(pass.modifiedAt)];
  const told: Told[] = [];
  const tick = (nowMs: number, cause: string): void => {
    told.push({ atMs: nowMs, event: { type: "clock.ticked", nowMs }, cause });
  };
  const { state } = pass;
  if (state === "planned" || state === "prepass") return told;
  if (pass.openedAt !== null && epochMsOf(pass.openedAt) < aosMs) tick(aosMs, "AOS");
  if (state === "receiving") return told;
  tick(losMs, "LOS");
  if (state === "draining" || state === "missed") return told;
  const closedMs = Math.min(Math.max(losMs, endMs), losMs + pass.drainMarginMs);
  if (pass.openedAt !== null) {
    told.push({
      atMs: closedMs,
      event: { type: "socket.drained" },
      cause: "nothing was left to read",
      isGuessed: true,
    });
    told.push({
      atMs: closedMs,
      event: { type: "socket.closed", nowMs: closedMs },
      cause: "the port was closed",
      isGuessed: true,
    });
  }
  told.push({
    atMs: Math.max(endMs, closedMs),
    event: { type: "completion.stored" },
    cause: "archive and ledger stored",
  });
  return told;
}

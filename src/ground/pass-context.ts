/** A stored pass as its machine knows it. */
import { type PassContext, plannedPass } from "../../actors/pass.ts";
import { epochMsOf } from "../model/clock.ts";
import type { PassRow, PassState } from "../model/pass.ts";

export function contextOf(pass: PassRow): PassContext {
  const { passId, host, port, drainMarginMs } = pass;
  const losMs = epochMsOf(pass.los);
  const window = { passId, host, port, aosMs: epochMsOf(pass.aos), losMs, closesAtMs: losMs + drainMarginMs };
  return { ...plannedPass(window), everOpen: pass.openedAt !== null, reason: pass.reason };
}

/** From when on time may move the pass on: its machine need not hear of it before. */
export function dueMsOf(
  { context, value }: { readonly context: PassContext; readonly value: PassState },
  nowMs: number,
): number {
  if (!context.isOpen || value === "draining") return nowMs;
  return value === "prepass" ? context.aosMs : context.losMs;
}

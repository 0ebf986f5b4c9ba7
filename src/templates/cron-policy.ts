/** Which ticks are due: pure, so that a test can ask for any past. Whoever fires them holds the schedule's row meanwhile. */
import type { Ticks } from "./cron.ts";
import type { MissedPolicy } from "./templates.ts";

export interface DueAsk {
  /** Every tick up to here has been judged. */
  readonly cursorMs: number;
  readonly nowMs: number;
  readonly missed: MissedPolicy;
  readonly windowMs: number;
  /** A tick that is no older is on time, whatever the policy: nodes look once a second, and may be busy. */
  readonly graceMs: number;
  readonly countMax: number;
}

export interface Due {
  /** In order, each after `cursorMs` and not after `nowMs`. */
  readonly fire: readonly number[];
  /** The newest of those that were passed over; null: none was. */
  readonly passedOver: number | null;
  /** Judged up to here: less than `nowMs` only if `countMax` was reached. */
  readonly cursorMs: number;
  /** When to look again; null: there is no other tick. */
  readonly nextMs: number | null;
}

export function dueTicks(ticks: Ticks, ask: DueAsk): Due {
  const { cursorMs, nowMs, missed, countMax } = ask;
  if (nowMs <= cursorMs) return { fire: [], passedOver: null, cursorMs, nextMs: ticks.next(cursorMs) };
  const onTimeFrom = nowMs - ask.graceMs;
  const madeUpFrom = missed === "all" ? nowMs - Math.max(ask.windowMs, ask.graceMs) : onTimeFrom;
  const from = Math.max(cursorMs, madeUpFrom);

  const fire: number[] = [];
  let at = ticks.next(from);
  while (at !== null && at <= nowMs && fire.length < countMax) {
    fire.push(at);
    at = ticks.next(at);
  }
  let passedOver = from > cursorMs ? lastTick(ticks, cursorMs, from) : null;
  const [latest] = fire;
  if (missed === "latest" && latest === undefined && passedOver !== null && passedOver > nowMs - ask.windowMs) {
    fire.push(passedOver);
    passedOver = lastTick(ticks, cursorMs, passedOver - 1);
  }
  const isCut = at !== null && at <= nowMs;
  return { fire, passedOver, cursorMs: isCut ? (fire.at(-1) ?? nowMs) : nowMs, nextMs: isCut ? at : ticks.next(nowMs) };
}

/** The newest tick in (after, until], found by halving, as years of them may lie between; null: none. */
export function lastTick(ticks: Ticks, afterMs: number, untilMs: number): number | null {
  const has = (fromMs: number): number | null => {
    const at = ticks.next(fromMs);
    return at !== null && at <= untilMs ? at : null;
  };
  let found = has(afterMs);
  if (found === null) return null;
  let low = found;
  let high = untilMs;
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    const at = has(middle);
    if (at === null) high = middle;
    else {
      found = at;
      low = Math.max(at, middle + 1);
    }
  }
  return found;
}

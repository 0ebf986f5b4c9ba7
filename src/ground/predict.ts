/**
 * When a station sees a ship: walks through the time asked for in steps, and finds each rise, set and highest point to a
 * millisecond between two of them. A minute a step while the ship is far below the horizon, 20 s otherwise: what peeps over the
 * mask between two steps is found by its highest point.
 */
import type { ElevationMask } from "../model/station.ts";
import { maskAt } from "./elevation-mask.ts";
import type { LookAngles } from "./sky.ts";

export interface PredictAsk {
  readonly sky: (epochMs: number) => LookAngles;
  readonly mask: ElevationMask;
  /** Degrees; where the mask is lower, this counts. */
  readonly elevationMin: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly countMax: number;
}

interface Sighting extends LookAngles {
  readonly atMs: number;
}

export interface PredictedPass {
  readonly aos: Sighting;
  /** Its highest point. */
  readonly max: Sighting;
  readonly los: Sighting;
}

/** Above the mask when `above` is greater than 0. */
interface Sample {
  readonly atMs: number;
  readonly elevation: number;
  readonly above: number;
}

const stepMs = 20_000;
/** In a minute no ship rises by so much from there: 300 km up it is some 8° at most. */
const farBelow = -20;
const farStepMs = 60_000;
const preciseMs = 1;
/** The event loop has other work too: at most so many steps (some 5 ms) without a rest. */
const stepsAtOnce = 1_000;

/**
 * In order. A pass under way at an end of the time asked for begins or ends there; a dip below the mask that lies between two
 * steps does not part a pass. Throws `OrbitError` where the elements say nothing.
 */
export async function predictPasses(ask: PredictAsk): Promise<PredictedPass[]> {
  const { fromMs, toMs, countMax } = ask;
  const passes: PredictedPass[] = [];
  let [beforeLast, last] = [null as Sample | null, sampleAt(ask, fromMs)];
  let highest = last;
  let aosMs = last.above > 0 ? fromMs : null;
  for (let steps = 1; last.atMs < toMs && passes.length < countMax; steps++) {
    const step = Math.min(last.elevation < farBelow ? farStepMs : stepMs, toMs - last.atMs);
    const next = sampleAt(ask, last.atMs + step);
    const isPeak = beforeLast !== null && last.above >= beforeLast.above && last.above > next.above;
    if (isPeak && last.above <= 0 && beforeLast !== null) {
      const peak = peakOf(ask, beforeLast.atMs, next.atMs, "above");
      if (peak.above > 0) {
        const [rise, set] = [crossing(ask, beforeLast, peak), crossing(ask, peak, next)];
        if (rise !== null && set !== null && next.above <= 0) passes.push(passOf(ask, rise, peak, set));
      }
    }
    if (aosMs === null && next.above > 0) {
      aosMs = crossing(ask, last, next);
      highest = next;
    }
    if (next.elevation > highest.elevation) highest = next;
    if (aosMs !== null && (next.above <= 0 || next.atMs >= toMs)) {
      passes.push(passOf(ask, aosMs, highest, crossing(ask, last, next) ?? toMs));
      aosMs = null;
    }
    [beforeLast, last] = [last, next];
    if (steps % stepsAtOnce === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return passes;
}

function sampleAt({ sky, mask, elevationMin }: PredictAsk, atMs: number): Sample {
  const { azimuth, elevation } = sky(atMs);
  return { atMs, elevation, above: elevation - Math.max(elevationMin, maskAt(mask, azimuth)) };
}

/** Null: both are on one side of the mask. */
function crossing(ask: PredictAsk, from: Sample, to: Sample): number | null {
  if (from.above > 0 === to.above > 0) return null;
  let [low, high] = [from.atMs, to.atMs];
  while (high - low > preciseMs) {
    const middle = (low + high) / 2;
    if (sampleAt(ask, middle).above > 0 === from.above > 0) low = middle;
    else high = middle;
  }
  return from.above > 0 ? low : high;
}

const golden = (Math.sqrt(5) - 1) / 2;

/** The highest point between two moments, by golden section: between two steps there is one. */
function peakOf(ask: PredictAsk, fromMs: number, toMs: number, by: "above" | "elevation"): Sample {
  let [low, high] = [fromMs, toMs];
  let [left, right] = [sampleAt(ask, high - golden * (high - low)), sampleAt(ask, low + golden * (high - low))];
  while (high - low > preciseMs) {
    if (left[by] < right[by]) {
      low = left.atMs;
      [left, right] = [right, sampleAt(ask, low + golden * (high - low))];
    } else {
      high = right.atMs;
      [left, right] = [sampleAt(ask, high - golden * (high - low)), left];
    }
  }
  return left[by] > right[by] ? left : right;
}

function passOf(ask: PredictAsk, aosMs: number, highest: Sample, losMs: number): PredictedPass {
  const fromMs = Math.max(aosMs, highest.atMs - stepMs);
  const max = peakOf(ask, fromMs, Math.min(losMs, highest.atMs + stepMs), "elevation");
  const sighted = (atMs: number): Sighting => ({ atMs, ...ask.sky(atMs) });
  return { aos: sighted(aosMs), max: sighted(max.atMs), los: sighted(losMs) };
}

/** The passes of a ship over a station, and how far they can be trusted. */
import { instantOf } from "../model/clock.ts";
import type { StationRow } from "../model/station.ts";
import { type PredictedPass, predictPasses } from "./predict.ts";
import { skyOf } from "./sky.ts";
import type { Tle } from "./tle.ts";

export interface PredictionAsk {
  readonly tle: Tle;
  readonly station: StationRow;
  readonly fromMs: number;
  readonly toMs: number;
  /** Degrees; where the station's mask is lower, this counts. */
  readonly elevationMin: number;
  readonly countMax: number;
}

export interface Prediction {
  readonly passes: readonly PredictedPass[];
  readonly warnings: readonly string[];
}

/** In a low orbit elements are off by some kilometres a day, and a pass by a second or more for each week. */
const freshDaysMax = 7;
const dayMs = 86_400_000;

export async function predictionOf(ask: PredictionAsk): Promise<Prediction> {
  const { tle, station, fromMs, toMs } = ask;
  const passes = await predictPasses({ ...ask, sky: skyOf(tle, station), mask: station.mask });
  const ageDays = Math.max(Math.abs(fromMs - tle.epochMs), Math.abs(toMs - tle.epochMs)) / dayMs;
  const warnings: string[] = [];
  if (ageDays > freshDaysMax)
    warnings.push(
      `The elements are of ${instantOf(tle.epochMs)}, up to ${ageDays.toFixed(1)} days from the time asked for: ` +
        `times may be off by seconds or, in a low orbit, by minutes. Newer elements help`,
    );
  if (passes.length === ask.countMax)
    warnings.push(`Only the first ${ask.countMax} passes are listed: ask for a shorter time`);
  return { passes, warnings };
}
